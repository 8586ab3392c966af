{{/* controller.yaml of the controller. */}}
{{- define "berth.controllerSettings" -}}
{{- $name := include "berth.fullname" . -}}
{{- $defaults := include "berth.defaults" . | fromYaml -}}
release: {{ $name }}
releaseNamespace: {{ .Release.Namespace }}
serversNamespace: {{ include "berth.serversNamespace" . }}
port: 9090
{{- range $key, $value := pick .Values.settings "logLevel" "logFormat" }}
{{ $key }}: {{ $value }}
{{- end }}
lease: {{ $name }}-controller
keyRingSecret: {{ $name }}-keys
# Owns lease and key ring, so that uninstalling takes them along.
ownerConfigMap: {{ $name }}-controller
serversConfigMap: {{ $name }}-servers
carrier: {{ .Values.link.carrier }}
treesKeyFile: /etc/berth/trees-key/key
images:
  {{- range list "runner" "supervisor" "archon" }}
  {{ . }}: {{ include "berth.image" (list $ .) }}
  {{- end }}
pullPolicy: {{ .Values.images.pullPolicy }}
pullSecrets: {{ include "berth.pullSecrets" . | fromYamlArray | toJson }}
allowedImages: {{ include "berth.allowedImages" . | fromYamlArray | toJson }}
allow: {{ include "berth.allow" . | fromYaml | toJson }}
resources:
  supervisor: {{ toJson .Values.servers.supervisor.resources }}
  workload: {{ toJson $defaults.resources }}
  installer: {{ toJson .Values.servers.installer.resources }}
treeSize: {{ .Values.servers.treeSize }}
scratchSize: {{ .Values.servers.scratchSize }}
hostUsers: {{ $defaults.hostUsers }}
{{- with $defaults.priorityClassName }}
priorityClass: {{ . }}
{{- end }}
{{- with $defaults.runtimeClassName }}
runtimeClass: {{ . }}
{{- end }}
placement: {{ pick $defaults "nodeSelector" "tolerations" "affinity" | toJson }}
egress: {{ $defaults.egress }}
network:
  dns: {{ toJson .Values.networkPolicies.dns }}
  privateCidrs: {{ toJson .Values.networkPolicies.privateCidrs }}
installSeconds: {{ .Values.servers.installer.timeoutSeconds }}
installerEnv: {{ include "berth.installerEnv" . | fromYamlArray | toJson }}
registries: {{ toJson .Values.servers.installer.registries }}
limits: {{ omit (default dict .Values.settings.limits) "stopTimeout" | toJson }}
remote: {{ default dict .Values.settings.remote | toJson }}
{{- with include "berth.caConfigMap" . }}
caBundle: {configMap: {{ . }}, key: {{ $.Values.caBundle.key }}}
{{- end }}
{{- end -}}

{{/* Variables of installers: the proxy, then those of the values. */}}
{{- define "berth.installerEnv" -}}
{{- $env := list -}}
{{- if or .Values.proxy.http .Values.proxy.https -}}
{{- $without := include "berth.noProxy" . | replace ",$(KUBERNETES_SERVICE_HOST)" "" -}}
{{- range $name, $value := dict "HTTP_PROXY" .Values.proxy.http "HTTPS_PROXY" .Values.proxy.https "NO_PROXY" $without -}}
{{- $env = append $env (dict "name" $name "value" $value) -}}
{{- end -}}
{{- end -}}
{{- toYaml (concat $env .Values.servers.installer.env) -}}
{{- end -}}
