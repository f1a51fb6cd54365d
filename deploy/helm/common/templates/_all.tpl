{{/* Every object of a service's release. */}}
{{- define "common.all" -}}
{{ include "common.serviceaccount" . }}
---
{{ include "common.service" . }}
---
{{ include "common.deployment" . }}
{{- if eq .Values.migrations.mode "hook" }}
---
{{ include "common.migrate" . }}
{{- end }}
{{- if .Values.gateway.enabled }}
---
{{ include "common.httproute" . }}
{{- end }}
{{- if .Values.ingress.enabled }}
---
{{ include "common.ingress" . }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
---
{{ include "common.hpa" . }}
{{- end }}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}
---
{{ include "common.pdb" . }}
{{- end }}
{{- if .Values.networkPolicy.enabled }}
---
{{ include "common.networkpolicy" . }}
{{- end }}
{{- if .Values.monitoring.enabled }}
---
{{ include "common.servicemonitor" . }}
{{- end }}
{{- end -}}
