{{/* Parts of the admission policies. A policy counts for what our accounts do, and for nobody else. */}}

{{/* Metadata and match of a policy: (list $ "exec" accounts). */}}
{{- define "berth.policyMeta" -}}
name: {{ include "berth.clusterName" (index . 0) }}-{{ index . 1 }}
{{ include "berth.meta" (list (index . 0) "admission" dict) }}
{{- end -}}

{{- define "berth.policyAccounts" -}}
{{- $root := index . 0 -}}{{- $users := list -}}
{{- range index . 1 }}{{ $users = append $users (include "berth.user" (list $root .)) }}{{ end -}}
- name: our-accounts
  expression: request.userInfo.username in {{ $users | toJson }}
{{- end -}}

{{/* A CEL expression: labels of an object that is a server's. */}}
{{- define "berth.celOurs" -}}
{{ . }}.metadata.?labels['app.kubernetes.io/managed-by'].orValue('') == 'berth'
{{- end -}}
