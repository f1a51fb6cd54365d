{{- define "common.servicemonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
    {{- with .Values.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
  endpoints:
    - port: http
      path: /metrics
      interval: {{ .Values.monitoring.interval }}
{{- end -}}

{{/* What somebody is woken for. Prometheus' braces are written as strings, so that Helm leaves them alone. */}}
{{- define "common.prometheusrule" -}}
{{- $name := include "common.fullname" . -}}
{{- $job := printf "job=%q, namespace=%q" $name .Release.Namespace -}}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ $name }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
    {{- with .Values.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  groups:
    - name: {{ $name }}
      rules:
        - alert: ServiceAbsent
          expr: absent(up{ {{- $job -}} } == 1)
          for: 2m
          labels:
            severity: critical
            service: {{ $name }}
          annotations:
            summary: No pod of {{ $name }} answers.
        - alert: RequestsFail
          expr: |
            sum(rate(http_server_request_duration_seconds_count{ {{- $job }}, http_response_status_code=~"5.."}[5m]))
              > 0.01 * sum(rate(http_server_request_duration_seconds_count{ {{- $job -}} }[5m]))
          for: 5m
          labels:
            severity: critical
            service: {{ $name }}
          annotations:
            summary: More than one in a hundred requests to {{ $name }} fails.
        - alert: RequestsSlow
          # Streams and long polls are slow on purpose.
          expr: |
            histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket{ {{- $job }}, http_route!~".*/(live|changes|events)"}[5m])))
              > {{ .Values.monitoring.slowSeconds }}
          for: 10m
          labels:
            severity: warning
            service: {{ $name }}
          annotations:
            summary: One in a hundred requests to {{ $name }} takes longer than {{ .Values.monitoring.slowSeconds }} s.
        - alert: DependencyFails
          # Pods that were ready stay it, so this is what tells.
          expr: max by (dependency) (dependency_failing{ {{- $job -}} }) == 1
          for: 5m
          labels:
            severity: warning
            service: {{ $name }}
          annotations:
            summary: {{ $name }} goes on without {{ "{{ $labels.dependency }}" }}.
        - alert: FollowerLags
          expr: max(feed_lag_seconds{ {{- $job -}} }) > {{ .Values.monitoring.lagSeconds }}
          for: 5m
          labels:
            severity: warning
            service: {{ $name }}
          annotations:
            summary: {{ $name }} is more than {{ .Values.monitoring.lagSeconds }} s behind what it follows.
        {{- range .Values.monitoring.rules }}
        - {{ toYaml . | nindent 10 | trim }}
        {{- end }}
{{- end -}}

{{/* A dashboard for Grafana's sidecar, which looks for the label. */}}
{{- define "common.dashboard" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" . }}-dashboard
  labels:
    {{- include "common.labels" . | nindent 4 }}
    {{- toYaml .Values.monitoring.dashboardLabels | nindent 4 }}
data:
  {{ include "common.fullname" . }}.json: |
    {{- include "common.dashboard.json" . | fromJson | toPrettyJson | nindent 4 }}
{{- end -}}

{{- define "common.dashboard.json" -}}
{{- $name := include "common.fullname" . -}}
{{- $job := printf "job=\"%s\", namespace=\"%s\"" $name .Release.Namespace -}}
{{- $calm := `http_route!~".*/(live|changes|events)"` -}}
{{- $panels := list
  (list "Requests by route" "reqps" (printf "sum by (http_route) (rate(http_server_request_duration_seconds_count{%s}[5m]))" $job) "{{http_route}}")
  (list "Answers by status" "reqps" (printf "sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{%s}[5m]))" $job) "{{http_response_status_code}}")
  (list "Slowest of a hundred, by route" "s" (printf "histogram_quantile(0.99, sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket{%s, %s}[5m])))" $job $calm) "{{http_route}}")
  (list "Behind what is followed" "s" (printf "max by (feed) (feed_lag_seconds{%s})" $job) "{{feed}}")
  (list "Failing dependencies" "short" (printf "max by (dependency) (dependency_failing{%s})" $job) "{{dependency}}")
  (list "Memory by pod" "bytes" (printf "process_resident_memory_bytes{%s}" $job) "{{pod}}")
  (list "CPU by pod" "percentunit" (printf "rate(process_cpu_seconds_total{%s}[5m])" $job) "{{pod}}")
-}}
{{- range .Values.monitoring.panels -}}
{{- $panels = append $panels (list .title .unit (replace "$job" $job .expr) .legend) -}}
{{- end -}}
{{- $out := list -}}
{{- range $i, $panel := $panels -}}
{{- $out = append $out (dict
  "id" (add1 $i) "type" "timeseries" "title" (index $panel 0)
  "datasource" (dict "type" "prometheus" "uid" "${source}")
  "gridPos" (dict "h" 8 "w" 12 "x" (mul 12 (mod $i 2)) "y" (mul 8 (div $i 2)))
  "fieldConfig" (dict "defaults" (dict "unit" (index $panel 1) "min" 0) "overrides" list)
  "targets" (list (dict "refId" "A" "expr" (index $panel 2) "legendFormat" (index $panel 3)))) -}}
{{- end -}}
{{- dict
  "uid" (printf "ihr-%s" $name | trunc 40) "title" (printf "IHR Charging · %s" $name) "tags" (list "ihr-charging") "schemaVersion" 39
  "editable" true "refresh" "30s" "time" (dict "from" "now-3h" "to" "now")
  "templating" (dict "list" (list (dict "name" "source" "label" "Source" "type" "datasource" "query" "prometheus")))
  "panels" $out | toJson -}}
{{- end -}}
