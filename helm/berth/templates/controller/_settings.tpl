{{/* controller.yaml of the controller. */}}
{{- define "berth.controllerSettings" -}}
{{- $name := include "berth.fullname" . -}}
release: {{ $name }}
namespace: {{ .Release.Namespace }}
serversNamespace: {{ include "berth.serversNamespace" . }}
port: 9090
{{- range $key, $value := pick .Values.settings "logLevel" "logFormat" }}
{{ $key }}: {{ $value }}
{{- end }}
lease: {{ $name }}-controller
keyRingSecret: {{ $name }}-keys
owner: {{ $name }}-controller
serversConfigMap: {{ $name }}-servers
carrier: {{ .Values.link.carrier }}
images:
  {{- range list "runner" "supervisor" "archon" }}
  {{ . }}: {{ include "berth.image" (list $ .) }}
  {{- end }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
imagePullSecrets: {{ include "berth.pullSecrets" . | fromYamlArray | toJson }}
allowedImages:
  {{- include "berth.allowedImages" . | nindent 2 }}
trees:
  url: http://{{ $name }}-trees.{{ .Release.Namespace }}
  keyFile: /etc/berth/trees-key/key
allow:
  {{- include "berth.allow" . | nindent 2 }}
{{- $defaults := include "berth.defaults" . | fromYaml }}
defaults:
  {{- toYaml (set (omit $defaults "egress") "network" (dict "egress" $defaults.egress)) | nindent 2 }}
network:
  dns:
    {{- toYaml .Values.networkPolicies.dns | nindent 4 }}
  publicExcept:
    {{- toYaml .Values.networkPolicies.privateCidrs | nindent 4 }}
  treesNamespace: {{ .Release.Namespace }}
  treesPodLabels:
    {{- include "berth.selectorLabels" (list . "trees") | nindent 4 }}
{{- with include "berth.caConfigMap" . }}
caBundle: {configMap: {{ . }}, key: {{ $.Values.caBundle.key }}}
{{- end }}
{{- if or .Values.proxy.http .Values.proxy.https }}
proxy:
  http: {{ .Values.proxy.http | quote }}
  https: {{ .Values.proxy.https | quote }}
  noProxy: {{ include "berth.noProxy" . | replace ",$(KUBERNETES_SERVICE_HOST)" "" | quote }}
{{- end }}
{{- end -}}
