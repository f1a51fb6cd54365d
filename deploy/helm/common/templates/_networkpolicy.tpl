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
        {{- range .Values.ports }}
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
  egress:
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
