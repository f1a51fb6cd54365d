{{/* The number of the port that a route names; http when it names none. */}}
{{- define "common.routePort" -}}
{{- $name := .route.port | default "http" -}}
{{- range .ports }}{{ if eq .name $name }}{{ .port }}{{ end }}{{ end -}}
{{- end -}}

{{- define "common.httproute" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  parentRefs:
    {{- toYaml (required "gateway.parentRefs must name the Gateway that the routes belong to" .Values.gateway.parentRefs) | nindent 4 }}
  {{- with .Values.gateway.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range (include "common.routes" . | fromYaml).routes }}
    - matches:
        - path:
            type: {{ eq .type "exact" | ternary "Exact" "PathPrefix" }}
            value: {{ .path }}
      backendRefs:
        - name: {{ include "common.fullname" $ }}
          port: {{ include "common.routePort" (dict "route" . "ports" $.Values.ports) }}
    {{- end }}
{{- end -}}

{{- define "common.ingress" -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  {{- with .Values.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .Values.ingress.tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - {{ with .Values.ingress.host }}host: {{ . }}
      {{ end }}http:
        paths:
          {{- range (include "common.routes" . | fromYaml).routes }}
          - path: {{ .path }}
            pathType: {{ eq .type "exact" | ternary "Exact" "Prefix" }}
            backend:
              service:
                name: {{ include "common.fullname" $ }}
                port:
                  name: {{ .port | default "http" }}
          {{- end }}
{{- end -}}
