{{/* Settings of the gateway that only the chart knows. */}}
{{- define "berth.gatewayEnv" -}}
- {name: BERTH_CONFIG, value: /etc/berth/berth.yaml}
- {name: BERTH_HOST, value: 0.0.0.0}
- {name: BERTH_PORT, value: '8053'}
- {name: BERTH_METRICS_PORT, value: '9090'}
- {name: BERTH_DATA_DIR, value: /var/lib/berth}
- {name: BERTH_RUNTIME, value: kubernetes}
- {name: BERTH_RELEASE, value: {{ include "berth.fullname" . }}}
- {name: BERTH_PEERS, value: {{ include "berth.fullname" . }}-gateway-peers}
- {name: BERTH_SERVERS_NAMESPACE, value: {{ include "berth.serversNamespace" . }}}
{{- if .Values.gateway.tls.secretName }}
- {name: BERTH_TLS_CERTIFICATE, value: /etc/berth/tls}
{{- end }}
{{- if include "berth.network" . }}
- {name: BERTH_LINK_CERTIFICATES, value: /etc/berth/link}
{{- end }}
{{- with .Values.traces.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: headers}
{{- end }}
- name: BERTH_KEYS
  valueFrom:
    secretKeyRef:
      name: {{ default (printf "%s-api-keys" (include "berth.fullname" .)) .Values.auth.existingSecret }}
      key: keys
{{- end -}}
