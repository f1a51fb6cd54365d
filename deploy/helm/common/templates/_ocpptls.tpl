{{/* TLS with charge points that ends in the pods. Only a chart with the values ocppTLS has it, and only its server is given the key: the
migration's pod and the test's have no use for it. */}}

{{/* The ports of the pods and of the Service: those of the values, and that of TLS. */}}
{{- define "common.ports" -}}
{{- $ports := .Values.ports -}}
{{- if (.Values.ocppTLS).enabled -}}
{{- $ports = append $ports (dict "name" "ocpp-tls" "port" .Values.ocppTLS.port) -}}
{{- end -}}
ports:
  {{- toYaml $ports | nindent 2 }}
{{- end -}}

{{- define "common.ocpptls.env" -}}
{{- with .Values.ocppTLS }}{{ if .enabled }}
- name: OCPP_TLS_LISTEN
  value: ":{{ .port }}"
- name: OCPP_TLS_CERTIFICATE_FILE
  value: /run/secrets/ocpp-tls/tls.crt
- name: OCPP_TLS_KEY_FILE
  value: /run/secrets/ocpp-tls/tls.key
{{- if .clientCA.existingSecret }}
- name: OCPP_TLS_CLIENT_CA_FILE
  value: /run/secrets/ocpp-tls/ca.crt
{{- end }}
{{- end }}{{ end }}
{{- end -}}

{{- define "common.ocpptls.volumeMounts" -}}
{{- if (.Values.ocppTLS).enabled }}
- name: ocpp-tls
  mountPath: /run/secrets/ocpp-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "common.ocpptls.volumes" -}}
{{- with .Values.ocppTLS }}{{ if .enabled }}
- name: ocpp-tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .existingSecret }}
          items:
            - {key: {{ .keys.certificate }}, path: tls.crt}
            - {key: {{ .keys.privateKey }}, path: tls.key}
      {{- if .clientCA.existingSecret }}
      - secret:
          name: {{ .clientCA.existingSecret }}
          items:
            - {key: {{ .clientCA.key }}, path: ca.crt}
      {{- end }}
{{- end }}{{ end }}
{{- end -}}

{{- define "common.ocpptls.ingress" -}}
{{- with .Values.ocppTLS }}{{ if and .enabled .sourceRanges }}
- from:
    {{- range .sourceRanges }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  ports:
    - port: ocpp-tls
{{- end }}{{ end }}
{{- end -}}
