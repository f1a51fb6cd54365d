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

{{/* The same for the migration's pod, which runs before the release, is reached by nobody and reaches Postgres alone. */}}
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
    {{- include "common.egress.dns" . | nindent 4 }}
    {{- include "common.egress.to" (dict "name" "postgres" "flow" .Values.networkPolicy.egress.postgres) | trim | nindent 4 }}
{{- end -}}

{{/* What the server's pods and the test's call, by name. */}}
{{- define "common.egress" -}}
{{- $egress := .Values.networkPolicy.egress -}}
{{ include "common.egress.dns" . }}
# services of the product
- to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/part-of: ihr-charging
        matchExpressions:
          - key: app.kubernetes.io/name
            operator: In
            values:
              {{- prepend $egress.services (include "common.name" .) | toYaml | nindent 14 }}
  ports:
    - port: http
{{- range $name := list "postgres" "redis" "mail" "telemetry" }}
{{- include "common.egress.to" (dict "name" $name "flow" (get $egress $name)) }}
{{- end }}
{{- if (.Values.serviceAccounts).enabled }}
{{- if not $egress.kubernetes.to }}
{{- fail "networkPolicy.egress.kubernetes.to must name the API server's addresses, which serviceAccounts.enabled has auth ask" }}
{{- end }}
{{- include "common.egress.to" (dict "name" "kubernetes" "flow" $egress.kubernetes) }}
{{- end }}
{{- if and $egress.outside.enabled $egress.outside.ports }}
# outside
- to:
    {{- range $cidr := list "0.0.0.0/0" "::/0" }}
    - ipBlock:
        cidr: {{ $cidr | quote }}
        except:
          {{- range $egress.outside.except }}
          {{- if eq (contains ":" .) (contains ":" $cidr) }}
          - {{ . | quote }}
          {{- end }}
          {{- end }}
    {{- end }}
  ports:
    {{- range $egress.outside.ports }}
    - port: {{ . }}
    {{- end }}
{{- end }}
{{- with $egress.more }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "common.egress.dns" -}}
# DNS
- to:
    - namespaceSelector: {}
      podSelector:
        matchLabels:
          k8s-app: kube-dns
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{/* The rule of one flow; a chart that has no such flow, or one without ports, gets none, since a rule without ports lets all through. */}}
{{- define "common.egress.to" -}}
{{- with .flow }}{{ if .ports }}
# {{ $.name }}
- {{ with .to }}to:
    {{- toYaml . | nindent 4 }}
  {{ end }}ports:
    {{- range .ports }}
    - port: {{ . }}
    {{- end }}
{{- end }}{{ end }}
{{- end -}}
