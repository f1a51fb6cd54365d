{{/* What the server's pod and the migration's pod have in common: who they run as and what they may do. */}}

{{- define "common.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "common.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Settings that may be read by anybody come as variables, the keys of the secret as files: X_FILE names the file that holds X. A setting
may name the pod's own address as $(POD_IP). */}}
{{- define "common.env" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- range $name, $key := .Values.secret.keys }}
{{- if not (and (eq $name "CLIENT_SECRET") ($.Values.clientToken).enabled) }}
- name: {{ $name }}_FILE
  value: /run/secrets/ihr/{{ $key }}
{{- end }}
{{- end }}
{{- if (.Values.clientToken).enabled }}
- name: CLIENT_TOKEN_PATH
  value: /run/secrets/client-token/token
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "common.volumeMounts" -}}
- name: secret
  mountPath: /run/secrets/ihr
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "common.volumes" -}}
- name: secret
  secret:
    secretName: {{ required "secret.existingSecret must name the Secret that holds the keys of secret.keys" .Values.secret.existingSecret }}
    defaultMode: 0440
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSize }}
{{- end -}}

{{/* Nine tenths of a memory limit such as 256Mi or 1Gi, as GOMEMLIMIT wants it. */}}
{{- define "common.goMemLimit" -}}
{{- $limit := .Values.resources.limits.memory -}}
{{- $mebibytes := 0 -}}
{{- if hasSuffix "Gi" $limit -}}
{{- $mebibytes = mulf (trimSuffix "Gi" $limit | float64) 1024 -}}
{{- else -}}
{{- $mebibytes = trimSuffix "Mi" $limit | float64 -}}
{{- end -}}
{{- printf "%dMiB" (mulf $mebibytes 0.9 | floor | int) -}}
{{- end -}}
