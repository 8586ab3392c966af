{{/* Combinations of values that no schema can refuse: each would make a release that cannot work. */}}
{{- define "berth.checks" -}}
{{- if eq (include "berth.serversNamespace" .) .Release.Namespace -}}
{{- fail "servers.namespace must be another namespace than the release's: servers may mount any Secret beside them" -}}
{{- end -}}
{{- if not (or .Values.auth.adminKey .Values.auth.keys .Values.auth.existingSecret) -}}
{{- fail "auth: a gateway that is reachable needs an API key: set adminKey, keys or existingSecret" -}}
{{- end -}}
{{- if lt (int .Values.gateway.terminationGracePeriodSeconds) (int (add .Values.gateway.preStopSeconds 10)) -}}
{{- fail "gateway.terminationGracePeriodSeconds must be at least 10 more than gateway.preStopSeconds" -}}
{{- end -}}
{{- if and .Values.gateway.autoscaling.enabled (lt (int .Values.gateway.autoscaling.maxReplicas) (int .Values.gateway.autoscaling.minReplicas)) -}}
{{- fail "gateway.autoscaling.maxReplicas must not be less than minReplicas" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs must name a Gateway" -}}
{{- end -}}
{{- end -}}
