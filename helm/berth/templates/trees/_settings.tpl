{{/* trees.yaml of the package store. */}}
{{- define "berth.treesSettings" -}}
port: 8080
folder: /var/lib/berth/trees
keyFile: /etc/berth/trees-key/key
maxBytes: {{ .Values.trees.maxBytes }}
maxAgeDays: {{ .Values.trees.maxAgeDays }}
{{- range $key, $value := pick .Values.settings "logLevel" "logFormat" }}
{{ $key }}: {{ $value }}
{{- end }}
{{- end -}}
