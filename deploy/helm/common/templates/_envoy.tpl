{{/* Envoy Gateway's own policies on the route: a token that is shown must be good, and one address may ask so often. The services check
both again; these keep the worst away from them. */}}
{{- define "common.envoy.security" -}}
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  targetRefs:
    - group: gateway.networking.k8s.io
      kind: HTTPRoute
      name: {{ include "common.fullname" . }}
  jwt:
    # Much may be read without a token, API keys are no tokens, and what must have one is refused by the service.
    optional: true
    providers:
      - name: auth
        issuer: {{ .Values.config.AUTH_ISSUER }}
        {{- with .Values.gateway.envoy.localJWKS }}
        localJWKS:
          type: Inline
          inline: {{ . | quote }}
        {{- else }}
        remoteJWKS:
          uri: {{ .Values.gateway.envoy.jwksURL }}
          cacheDuration: 300s
        {{- end }}
{{- end -}}

{{- define "common.envoy.traffic" -}}
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  targetRefs:
    - group: gateway.networking.k8s.io
      kind: HTTPRoute
      name: {{ include "common.fullname" . }}
  rateLimit:
    type: Local
    local:
      rules:
        - limit:
            requests: {{ .Values.gateway.envoy.requestsPerSecond }}
            unit: Second
  # Only what never reached a pod is sent again, so that nothing is done twice.
  retry:
    numRetries: 2
    retryOn:
      triggers: [connect-failure, refused-stream]
  healthCheck:
    active:
      type: HTTP
      interval: 2s
      timeout: 1s
      unhealthyThreshold: 2
      healthyThreshold: 1
      http:
        path: /readyz
{{- end -}}
