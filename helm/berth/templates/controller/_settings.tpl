{{/* controller.json of the controller. */}}
{{- define "berth.controllerSettings" -}}
{{- $name := include "berth.fullname" . -}}
{{- $defaults := include "berth.defaults" . | fromYaml -}}
{{- $settings := dict
  "release" $name
  "releaseNamespace" .Release.Namespace
  "serversNamespace" (include "berth.serversNamespace" .)
  "images" (dict "runner" (include "berth.image" (list . "runner")) "supervisor" (include "berth.image" (list . "supervisor")))
  "archonImage" (include "berth.archonImage" .)
  "allowedImages" (include "berth.allowedImages" . | fromYamlArray)
  "pullPolicy" .Values.images.pullPolicy
  "pullSecrets" (include "berth.pullSecrets" . | fromYamlArray)
  "resources" (dict "supervisor" .Values.servers.supervisor.resources "workload" $defaults.resources "installer" .Values.servers.installer.resources)
  "treeSize" .Values.servers.treeSize
  "scratchSize" .Values.servers.scratchSize
  "placement" (pick $defaults "nodeSelector" "tolerations" "affinity")
  "egress" $defaults.egress
  "dns" .Values.networkPolicies.dns
  "privateCidrs" .Values.networkPolicies.privateCidrs
  "installSeconds" .Values.servers.installer.timeoutSeconds
  "installerEnv" (include "berth.installerEnv" . | fromYamlArray)
  "registries" .Values.servers.installer.registries
  "maxReplicas" .Values.servers.maxReplicas
  "drain" (mul 1000 $defaults.drainSeconds)
  "sleep" (mul 1000 $defaults.sleepSeconds)
  "allow" (include "berth.allow" . | fromYaml)
  "limits" (omit (default dict .Values.settings.limits) "stopTimeout")
  "health" (default dict .Values.settings.health)
  "remote" (default dict .Values.settings.remote)
  "packages" (default dict .Values.settings.packages)
  "publicUrl" (include "berth.baseUrl" .)
  "checksSecrets" .Values.admissionPolicies.enabled
  "rotateKeysDays" .Values.keyRing.rotateDays
  "carrier" .Values.link.carrier
  "certificateDays" .Values.link.certificateDays
-}}
{{- range $key, $value := pick .Values.settings "logLevel" "logFormat" }}{{ $_ := set $settings $key $value }}{{ end -}}
{{- if kindIs "bool" $defaults.hostUsers }}{{ $_ := set $settings "hostUsers" $defaults.hostUsers }}{{ end -}}
{{- with $defaults.priorityClassName }}{{ $_ := set $settings "priorityClass" . }}{{ end -}}
{{- with $defaults.runtimeClassName }}{{ $_ := set $settings "runtimeClass" . }}{{ end -}}
{{- if .Values.servers.metrics.enabled }}{{ $_ := set $settings "metrics" (dict "from" .Values.networkPolicies.metricsFrom) }}{{ end -}}
{{- with include "berth.caConfigMap" . }}{{ $_ := set $settings "caBundle" (dict "configMap" . "key" $.Values.caBundle.key) }}{{ end -}}
{{- toPrettyJson $settings -}}
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
