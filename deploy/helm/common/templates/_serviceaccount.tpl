{{/* ServiceAccount tokens as what services prove themselves to auth with. A chart with the values clientToken has its pods given one that is
for auth alone; the chart with the values serviceAccounts is auth, which verifies them with the keys of the API server. */}}

{{- define "common.clienttoken.volumeMounts" -}}
{{- if (.Values.clientToken).enabled }}
- name: client-token
  mountPath: /run/secrets/client-token
  readOnly: true
{{- end }}
{{- end -}}

{{- define "common.clienttoken.volumes" -}}
{{- with .Values.clientToken }}{{ if .enabled }}
- name: client-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          audience: {{ .audience | default $.Values.config.AUTH_ISSUER | required "clientToken.audience must name auth's PUBLIC_URL" | quote }}
          expirationSeconds: {{ .expirationSeconds }}
          path: token
{{- end }}{{ end }}
{{- end -}}

{{- define "common.serviceaccounts.env" -}}
{{- with .Values.serviceAccounts }}{{ if .enabled }}
- name: SERVICE_ACCOUNT_ISSUER
  value: {{ .issuer | quote }}
- name: SERVICE_ACCOUNT_JWKS_URL
  value: {{ .jwksURL | quote }}
- name: SERVICE_ACCOUNT_CA_FILE
  value: /run/secrets/kubernetes/ca.crt
- name: SERVICE_ACCOUNT_TOKEN_PATH
  value: /run/secrets/kubernetes/token
{{- end }}{{ end }}
{{- end -}}

{{- define "common.serviceaccounts.volumeMounts" -}}
{{- if (.Values.serviceAccounts).enabled }}
- name: kubernetes
  mountPath: /run/secrets/kubernetes
  readOnly: true
{{- end }}
{{- end -}}

{{- define "common.serviceaccounts.volumes" -}}
{{- if (.Values.serviceAccounts).enabled }}
- name: kubernetes
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          expirationSeconds: 3600
          path: token
      - configMap:
          name: kube-root-ca.crt
          items:
            - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end -}}
