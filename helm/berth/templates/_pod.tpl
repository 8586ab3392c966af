{{/* What the pods of all components have alike. */}}

{{/* Fields of a pod but its containers and volumes: (list $ "gateway"). */}}
{{- define "berth.podFields" -}}
{{- $root := index . 0 -}}{{- $values := index $root.Values (index . 1) -}}
serviceAccountName: {{ include "berth.account" . }}
automountServiceAccountToken: {{ ne (index . 1) "trees" }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
{{- with include "berth.pullSecrets" $root | fromYamlArray }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- include "berth.ids" (list $root "runAsUser" "runAsGroup" "fsGroup") | nindent 2 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- if ne (toString $values.hostUsers) "auto" }}
hostUsers: {{ $values.hostUsers }}
{{- end }}
affinity:
  {{- if $values.affinity }}
  {{- toYaml $values.affinity | nindent 2 }}
  {{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "berth.selectorLabels" . | nindent 14 }}
  {{- end }}
topologySpreadConstraints:
  {{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "berth.selectorLabels" . | nindent 8 }}
  {{- end }}
{{- range $field := list "nodeSelector" "tolerations" "hostAliases" "dnsConfig" "initContainers" }}
{{- with get $values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $field := list "priorityClassName" "runtimeClassName" "dnsPolicy" }}
{{- with get $values $field }}
{{ $field }}: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Members of `podSecurityContext`, those that the cluster is to assign left out: (list $ "runAsUser"). */}}
{{- define "berth.ids" -}}
{{- /* Values of an older release do not have it. */ -}}
{{- $given := default dict (index . 0).Values.podSecurityContext -}}
{{- $lines := list -}}
{{- range $name := rest . -}}
{{- $id := ternary (get $given $name) 10001 (hasKey $given $name) -}}
{{- if ne (toString $id) "auto" }}{{ $lines = append $lines (printf "%s: %d" $name (int64 $id)) }}{{ end -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{/*
The settings of a component's pods: an annotation of theirs as a file of this name. A ConfigMap would not do: kubelet may give a new pod
what it remembers of one, so an upgrade could start a program with the settings of before, and a pod of before would take the new ones.
*/}}
{{- define "berth.settingsVolume" -}}
- name: settings
  downwardAPI:
    items:
      - {path: {{ . }}, fieldRef: {fieldPath: "metadata.annotations['berth.dev/settings']"}}
{{- end -}}

{{/* Labels and annotations of a component's pods: (list $ "gateway" annotations), where the last win. */}}
{{- define "berth.podMeta" -}}
{{- $root := index . 0 -}}{{- $values := index $root.Values (index . 1) -}}
labels:
  {{- include "berth.labels" . | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $own := deepCopy (index . 2) -}}
{{- /* Programs read their authorities when they start. */ -}}
{{- with $root.Values.caBundle.pem }}{{ $_ := set $own "checksum/ca" (sha256sum .) }}{{ end -}}
{{- with mergeOverwrite (deepCopy $root.Values.commonAnnotations) $values.podAnnotations $own }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Fields of a container of the gateway's image: (list $ "gateway"). */}}
{{- define "berth.containerFields" -}}
{{- $root := index . 0 -}}{{- $values := index $root.Values (index . 1) -}}
image: {{ include "berth.image" (list $root "gateway") }}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml $values.resources | nindent 2 }}
{{- end -}}

{{/* Liveness by /livez, readiness by another path: (list $ "gateway" "metrics" "/readyz"). */}}
{{- define "berth.probes" -}}
{{- $values := index (index . 0).Values (index . 1) -}}{{- $port := index . 2 -}}
livenessProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  {{- toYaml $values.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: {{ index . 3 }}, port: {{ $port }}}
  {{- toYaml $values.readinessProbe | nindent 2 }}
startupProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  {{- toYaml $values.startupProbe | nindent 2 }}
{{- end -}}

{{/* Environment of every program of ours. */}}
{{- define "berth.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- if include "berth.caConfigMap" . }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/berth/ca/{{ .Values.caBundle.key }}
{{- end }}
{{- if or .Values.proxy.http .Values.proxy.https }}
- name: HTTP_PROXY
  value: {{ .Values.proxy.http | quote }}
- name: HTTPS_PROXY
  value: {{ .Values.proxy.https | quote }}
- name: NO_PROXY
  value: {{ include "berth.noProxy" . | quote }}
- name: NODE_USE_ENV_PROXY
  value: '1'
{{- end }}
{{- end -}}

{{/* What no proxy may come between: the cluster's own names. */}}
{{- define "berth.noProxy" -}}
{{- compact (list "localhost,127.0.0.1,::1,.svc,.cluster.local,$(KUBERNETES_SERVICE_HOST)" .Values.proxy.noProxy) | join "," -}}
{{- end -}}

{{- define "berth.caConfigMap" -}}
{{- if .Values.caBundle.existingConfigMap -}}
{{- .Values.caBundle.existingConfigMap -}}
{{- else if .Values.caBundle.pem -}}
{{- include "berth.fullname" . }}-ca
{{- end -}}
{{- end -}}

{{- define "berth.caMount" -}}
{{- if include "berth.caConfigMap" . }}
- {name: ca, mountPath: /etc/berth/ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "berth.caVolume" -}}
{{- with include "berth.caConfigMap" . }}
- name: ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}
