{{/* Names. Everything of a release begins with berth.fullname: the release's name, or that and the chart's in a subchart. */}}

{{- define "berth.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if .Chart.IsRoot -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "berth.serversNamespace" -}}
{{- default (printf "%s-servers" (include "berth.fullname" .)) .Values.servers.namespace -}}
{{- end -}}

{{/* Not empty where links go over the network. */}}
{{- define "berth.network" -}}
{{- if eq .Values.link.carrier "network" }}true{{ end -}}
{{- end -}}

{{/* Not empty where some link may go by exec. */}}
{{- define "berth.exec" -}}
{{- if or (not (include "berth.network" .)) .Values.link.keepExec }}true{{ end -}}
{{- end -}}

{{/* Names of objects of the whole cluster carry the namespace. */}}
{{- define "berth.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "berth.fullname" .) -}}
{{- end -}}

{{/* Account of a component: (list $ "gateway"). */}}
{{- define "berth.account" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}
{{- $account := (index $root.Values $component).serviceAccount -}}
{{- default (ternary (printf "%s-%s" (include "berth.fullname" $root) $component) "default" $account.create) $account.name -}}
{{- end -}}

{{/* How the API server calls that account. */}}
{{- define "berth.user" -}}
{{- printf "system:serviceaccount:%s:%s" (index . 0).Release.Namespace (include "berth.account" .) -}}
{{- end -}}

{{/* Labels that select a component's pods: (list $ "gateway"). */}}
{{- define "berth.selectorLabels" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ include "berth.fullname" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "berth.labels" -}}
{{- $root := index . 0 -}}
{{ include "berth.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: berth
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels and annotations of an object: (list $ component annotations) and, perhaps, further labels. */}}
{{- define "berth.meta" -}}
labels:
  {{- include "berth.labels" . | nindent 2 }}
  {{- if gt (len .) 3 }}
  {{- with index . 3 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- with mergeOverwrite (deepCopy (index . 0).Values.commonAnnotations) (index . 2) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Image: (list $ "gateway"). */}}
{{- define "berth.image" -}}
{{- $root := index . 0 -}}{{- $image := index $root.Values.images (index . 1) -}}
{{- include "berth.repository" . -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{/* Of archon servers: ARCHON_MCP_IMAGE among the controller's variables, which old deployments have, else `images.archon`. */}}
{{- define "berth.archonImage" -}}
{{- $image := include "berth.image" (list . "archon") -}}
{{- range .Values.controller.extraEnv -}}
{{- if and (eq .name "ARCHON_MCP_IMAGE") .value }}{{ $image = .value }}{{ end -}}
{{- end -}}
{{- $image -}}
{{- end -}}

{{- define "berth.repository" -}}
{{- $root := index . 0 -}}
{{- $registry := default $root.Values.images.registry $root.Values.global.imageRegistry -}}
{{- with $registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ (index $root.Values.images (index . 1)).repository -}}
{{- end -}}

{{/* Names of Secrets with credentials of registries, as a YAML list. */}}
{{- define "berth.pullSecrets" -}}
{{- $names := list -}}
{{- range concat (default list .Values.global.imagePullSecrets) .Values.images.pullSecrets -}}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- toYaml ($names | uniq) -}}
{{- end -}}
