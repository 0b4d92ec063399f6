{{- define "trio-sts.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "trio-sts.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "trio-sts.labels" -}}
{{ include "trio-sts.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "trio-sts.secretName" -}}
{{- if .Values.secret.existing -}}
{{- if .Values.secret.values }}{{ fail "secret.existing and secret.values exclude each other" }}{{ end -}}
{{- .Values.secret.existing -}}
{{- else if .Values.secret.values -}}
{{- include "trio-sts.fullname" . -}}
{{- end -}}
{{- end -}}

{{- define "trio-sts.toolsVolume" -}}
{{- $given := compact (list (ternary "files" "" (not (empty .Values.tools.files))) .Values.tools.configMap (ternary "volume" "" (not (empty .Values.tools.volume)))) -}}
{{- if gt (len $given) 1 }}{{ fail "tools: files, configMap and volume exclude each other" }}{{ end -}}
{{- if .Values.tools.files -}}
configMap: {name: {{ include "trio-sts.fullname" . }}-tools}
{{- else if .Values.tools.configMap -}}
configMap: {name: {{ .Values.tools.configMap }}}
{{- else if .Values.tools.volume -}}
{{- toYaml .Values.tools.volume -}}
{{- end -}}
{{- end -}}

{{/* Named here, so that one probe and another cannot differ. */}}
{{- define "trio-sts.scheme" -}}
{{- ternary "HTTPS" "HTTP" (not (empty .Values.tls.secretName)) -}}
{{- end -}}
