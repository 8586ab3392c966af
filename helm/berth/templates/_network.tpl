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
