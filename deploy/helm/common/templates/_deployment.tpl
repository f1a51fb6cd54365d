{{- define "common.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  {{- /* Beside an autoscaler a number here would be fought over at every upgrade. */}}
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "common.labels" . | nindent 8 }}
        app.kubernetes.io/component: server
      annotations:
        checksum/config: {{ toYaml .Values.config | sha256sum }}
        {{- with .Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "common.fullname" . }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .Values.shutdown.graceSeconds }}
      securityContext:
        {{- include "common.podSecurityContext" . | nindent 8 }}
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "common.selectorLabels" $ | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      containers:
        - name: {{ include "common.name" . }}
          image: {{ include "common.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          args: [serve]
          securityContext:
            {{- include "common.containerSecurityContext" . | nindent 12 }}
          ports:
            {{- range (include "common.ports" . | fromYaml).ports }}
            - name: {{ .name }}
              containerPort: {{ .port }}
            {{- end }}
          env:
            - name: MIGRATIONS
              value: {{ eq .Values.migrations.mode "startup" | ternary "startup" "off" | quote }}
            - name: DRAIN_DELAY
              value: {{ .Values.shutdown.drainSeconds }}s
            - name: GOMEMLIMIT
              value: {{ include "common.goMemLimit" . }}
            {{- include "common.env" . | trim | nindent 12 }}
            {{- with include "common.ocpptls.env" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with include "common.serviceaccounts.env" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
          startupProbe:
            httpGet: {path: /healthz, port: http}
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet: {path: /readyz, port: http}
            periodSeconds: 2
            failureThreshold: 2
            timeoutSeconds: 2
          livenessProbe:
            httpGet: {path: /healthz, port: http}
            periodSeconds: 10
            failureThreshold: 6
            timeoutSeconds: 5
          lifecycle:
            preStop:
              sleep:
                seconds: {{ .Values.shutdown.preStopSeconds }}
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
          volumeMounts:
            {{- include "common.volumeMounts" . | nindent 12 }}
            {{- with include "common.ocpptls.volumeMounts" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with include "common.clienttoken.volumeMounts" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with include "common.serviceaccounts.volumeMounts" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "common.volumes" . | nindent 8 }}
        {{- with include "common.ocpptls.volumes" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with include "common.clienttoken.volumes" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with include "common.serviceaccounts.volumes" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
