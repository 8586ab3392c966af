{{/* What goes into the files of our programs, worked out from the values. */}}

{{/* Gates of the kinds of server, those of config.mcp.security first. */}}
{{- define "berth.allow" -}}
{{- $older := default dict .Values.config.mcp.security -}}
{{- $allow := deepCopy .Values.allow -}}
{{- if hasKey $older "allowNpx" }}{{ $_ := set $allow "npm" $older.allowNpx }}{{ end -}}
{{- if hasKey $older "allowUv" }}{{ $_ := set $allow "pypi" $older.allowUv }}{{ end -}}
{{- if hasKey $older "allowCustomImages" }}{{ $_ := set $allow "images" $older.allowCustomImages }}{{ end -}}
{{- toYaml $allow -}}
{{- end -}}

{{/* What servers get that say nothing, those of config.mcp first. */}}
{{- define "berth.defaults" -}}
{{- $older := .Values.config.mcp -}}
{{- $defaults := deepCopy .Values.servers.defaults -}}
{{- with $older.resources }}{{ $_ := set $defaults "resources" (mergeOverwrite $defaults.resources (deepCopy .)) }}{{ end -}}
{{- with $older.security }}{{ if hasKey . "internetAccess" }}{{ $_ := set $defaults "egress" (ternary "public" "none" .internetAccess) }}{{ end }}{{ end -}}
{{- toYaml $defaults -}}
{{- end -}}

{{/* Declared servers that are enabled: servers.items by their names, config.mcp.servers by theirs in kebab case. */}}
{{- define "berth.declaredServers" -}}
{{- $servers := dict -}}
{{- range $name, $item := .Values.servers.items -}}
{{- if ne (get $item "enabled" | toString) "false" }}{{ $_ := set $servers $name (omit $item "enabled") }}{{ end -}}
{{- end -}}
{{- range $key, $item := default dict .Values.config.mcp.servers -}}
{{- $name := kebabcase $key -}}
{{- if $item.enabled -}}
{{- $spec := omit $item "enabled" "allowedPaths" -}}
{{- if not (or $spec.template $spec.source) }}{{ $_ := set $spec "template" $name }}{{ end -}}
{{- with $item.allowedPaths }}{{ $_ := set $spec "args" (concat (default list $spec.args) .) }}{{ end -}}
{{- $_ := set $servers $name $spec -}}
{{- end -}}
{{- end -}}
{{- toYaml $servers -}}
{{- end -}}

{{/* Hosts under which the gateway is called. */}}
{{- define "berth.hosts" -}}
{{- $service := printf "%s-gateway" (include "berth.fullname" .) -}}
{{- $namespace := .Release.Namespace -}}
{{- $hosts := list -}}
{{- range list $service (printf "%s.%s" $service $namespace) (printf "%s.%s.svc" $service $namespace) (printf "%s.%s.svc.cluster.local" $service $namespace) -}}
{{- $hosts = append $hosts . -}}
{{- if not (has $.Values.gateway.service.port (list 80 80.0 8053 8053.0)) }}{{ $hosts = append $hosts (printf "%s:%v" . $.Values.gateway.service.port) }}{{ end -}}
{{- end -}}
{{- if .Values.ingress.enabled }}{{ $hosts = concat $hosts .Values.ingress.hosts }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- toYaml (concat $hosts (default list .Values.settings.allowedHosts) | uniq) -}}
{{- end -}}

{{/* Where clients reach the gateway: said in the settings, or seen from the Ingress or the HTTPRoute. */}}
{{- define "berth.publicUrl" -}}
{{- if .Values.settings.publicUrl -}}
{{- .Values.settings.publicUrl -}}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{- printf "%s://%s%s" (ternary "https" "http" (gt (len .Values.ingress.tls) 0)) (first .Values.ingress.hosts) (.Values.ingress.path | trimSuffix "/") -}}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.hostnames -}}
{{- printf "%s://%s%s" .Values.httpRoute.scheme (first .Values.httpRoute.hostnames) (.Values.httpRoute.path | trimSuffix "/") -}}
{{- end -}}
{{- end -}}

{{/* Which value that was. */}}
{{- define "berth.publicUrlFrom" -}}
{{- if .Values.settings.publicUrl -}}
settings.publicUrl
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
ingress.hosts
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.hostnames -}}
httpRoute.hostnames
{{- else -}}
the Service
{{- end -}}
{{- end -}}

{{/* The gateway from inside the cluster. */}}
{{- define "berth.serviceUrl" -}}
{{- $scheme := ternary "https" "http" (ne .Values.gateway.tls.secretName "") -}}
{{- $service := printf "%s://%s-gateway.%s.svc" $scheme (include "berth.fullname" .) .Release.Namespace -}}
{{- $port := .Values.gateway.service.port | toString -}}
{{- ternary $service (printf "%s:%s" $service $port) (eq $port (ternary "443" "80" (eq $scheme "https"))) -}}
{{- end -}}

{{/* What URLs are built from: without a public one they lead to the Service, from inside the cluster. */}}
{{- define "berth.baseUrl" -}}
{{- default (include "berth.serviceUrl" .) (include "berth.publicUrl" .) -}}
{{- end -}}

{{/* berth.yaml of the gateway. */}}
{{- define "berth.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $allow := include "berth.allow" . | fromYaml -}}
{{- $drain := sub .Values.gateway.terminationGracePeriodSeconds (add .Values.gateway.preStopSeconds 5) -}}
{{- $limits := mergeOverwrite (dict "stopTimeout" (printf "%ds" $drain)) (default dict $settings.limits) -}}
{{- $_ := set $settings "limits" $limits -}}
{{- $_ := set $settings "allow" (omit $allow "archon" "scripts") -}}
{{- $_ := set $settings "allowedHosts" (include "berth.hosts" . | fromYamlArray) -}}
{{- $_ := set $settings "publicUrl" (include "berth.baseUrl" .) -}}
{{- if .Values.traces.endpoint }}{{ $_ := set $settings "traces" (pick .Values.traces "endpoint" "sampleRate") }}{{ end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* Images that pods of servers may have: ours in every version, since an upgrade rolls no server, and those of the values. */}}
{{- define "berth.allowedImages" -}}
{{- $images := list -}}
{{- range list "runner" "supervisor" "archon" -}}
{{- $repository := include "berth.repository" (list $ .) -}}
{{- $images = concat $images (list (printf "%s:" $repository) (printf "%s@" $repository)) -}}
{{- end -}}
{{- $archon := include "berth.archonImage" . -}}
{{- if ne $archon (include "berth.image" (list . "archon")) }}{{ $images = append $images $archon }}{{ end -}}
{{- toYaml (concat $images .Values.servers.allowedImages | uniq) -}}
{{- end -}}
