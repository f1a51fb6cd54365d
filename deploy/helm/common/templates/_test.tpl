{{/* `helm test`: the program's own look at the running product, through its Service. */}}
{{- define "common.test" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "common.fullname" . }}-test
  labels:
    {{- include "common.labels" . | nindent 4 }}
    app.kubernetes.io/component: test
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  restartPolicy: Never
  {{- if (.Values.clientToken).enabled }}
  serviceAccountName: {{ include "common.fullname" . }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "common.podSecurityContext" . | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: test
      image: {{ include "common.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [check, --url, "http://{{ include "common.fullname" . }}:{{ include "common.routePort" (dict "route" dict "ports" .Values.ports) }}"]
      securityContext:
        {{- include "common.containerSecurityContext" . | nindent 8 }}
      env:
        {{- include "common.env" . | trim | nindent 8 }}
      resources:
        requests: {cpu: 10m, memory: 32Mi}
        limits: {memory: 128Mi}
      volumeMounts:
        {{- include "common.volumeMounts" . | nindent 8 }}
        {{- with include "common.clienttoken.volumeMounts" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "common.volumes" . | nindent 4 }}
    {{- with include "common.clienttoken.volumes" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end -}}
