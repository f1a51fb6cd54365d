{{/* The Secret that the pods mount, kept by the External Secrets operator from a store outside the cluster. */}}
{{- define "common.externalsecret" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .Values.secret.existingSecret }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  refreshInterval: {{ .Values.externalSecret.refreshInterval }}
  secretStoreRef:
    {{- toYaml .Values.externalSecret.storeRef | nindent 4 }}
  target:
    name: {{ .Values.secret.existingSecret }}
  data:
    {{- range $key := values .Values.secret.keys | uniq | sortAlpha }}
    - secretKey: {{ $key }}
      remoteRef:
        key: {{ required "externalSecret.remoteKey must name the entry of the store" $.Values.externalSecret.remoteKey }}
        property: {{ $key }}
    {{- end }}
{{- end -}}
