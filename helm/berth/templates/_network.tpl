{{/* Parts of NetworkPolicies. */}}

{{- define "berth.metricsIngress" -}}
- ports: [{port: metrics}]
  from:
    {{- if .Values.networkPolicies.metricsFrom }}
    {{- toYaml .Values.networkPolicies.metricsFrom | nindent 4 }}
    {{- else }}
    - namespaceSelector: {}
    {{- end }}
{{- end -}}

{{/* Links over the network to the pods of servers: of gateway and controller. */}}
{{- define "berth.linkEgress" -}}
{{- if include "berth.network" . -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ include "berth.serversNamespace" . }}}
      podSelector:
        matchLabels: {app.kubernetes.io/component: mcp-server, app.kubernetes.io/managed-by: berth}
  ports: [{port: 8643}]
{{- end -}}
{{- end -}}

{{/* To the receiver of traces, at the port of its URL: of the gateway. */}}
{{- define "berth.tracesEgress" -}}
{{- with .Values.traces -}}
{{- if .endpoint -}}
{{- $url := urlParse .endpoint -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
- ports: [{port: {{ default (ternary "443" "80" (eq $url.scheme "https")) $port }}}]
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names, the API server, and what the values add: of gateway and controller. */}}
{{- define "berth.egress" -}}
{{- with .Values.networkPolicies -}}
- to:
    - namespaceSelector:
        matchLabels:
          {{- toYaml .dns.namespaceLabels | nindent 10 }}
      podSelector:
        matchLabels:
          {{- toYaml .dns.podLabels | nindent 10 }}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
- to:
    {{- range .apiServerCidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    {{- range .apiServerPorts }}
    - port: {{ . }}
    {{- end }}
{{- with .extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}
