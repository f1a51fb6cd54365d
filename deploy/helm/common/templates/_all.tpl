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
{{- if eq .Values.migrations.mode "hook" }}
---
{{ include "common.networkpolicy.migrate" . }}
{{- end }}
{{- end }}
{{- if .Values.gateway.envoy.enabled }}
---
{{ include "common.envoy.security" . }}
---
{{ include "common.envoy.traffic" . }}
{{- end }}
{{- if .Values.externalSecret.enabled }}
---
{{ include "common.externalsecret" . }}
{{- end }}
{{- if .Values.monitoring.enabled }}
---
{{ include "common.servicemonitor" . }}
---
{{ include "common.prometheusrule" . }}
---
{{ include "common.dashboard" . }}
{{- end }}
{{- range .Values.extraObjects }}
---
{{ tpl (toYaml .) $ }}
{{- end }}
---
{{ include "common.test" . }}
{{- end -}}
