{{/* Nothing may reach the pods, nor they anything, but what is named here. */}}
{{- define "common.networkpolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              {{- toYaml .Values.networkPolicy.gatewayNamespaceLabels | nindent 14 }}
      ports:
        {{- range (include "common.ports" . | fromYaml).ports }}
        - port: {{ .name }}
        {{- end }}
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/part-of: ihr-charging
      ports:
        - port: http
    {{- with .Values.networkPolicy.monitoringNamespaceLabels }}
    - from:
        - namespaceSelector:
            matchLabels:
              {{- toYaml . | nindent 14 }}
      ports:
        - port: http
    {{- end }}
    {{- with include "common.ocpptls.ingress" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  egress:
    {{- include "common.egress" . | nindent 4 }}
{{- end -}}

{{/* The same for the migration's pod, which runs before the release and is reached by nobody. */}}
{{- define "common.networkpolicy.migrate" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.fullname" . }}-migrate
  labels:
    {{- include "common.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "-5"
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ include "common.name" . }}-migrate
      app.kubernetes.io/instance: {{ .Release.Name }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
    {{- include "common.egress" . | nindent 4 }}
{{- end -}}

{{- define "common.egress" -}}
- to:
    - namespaceSelector: {}
      podSelector:
        matchLabels:
          k8s-app: kube-dns
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
- to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/part-of: ihr-charging
{{- range .Values.networkPolicy.egressPorts }}
- ports:
    - port: {{ . }}
{{- end }}
{{- end -}}
