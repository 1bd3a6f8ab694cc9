{{/* Name of the release's objects. */}}
{{- define "fraud-detection.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels by which an object selects pods: (root, component). */}}
{{- define "fraud-detection.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "fraud-detection.labels" -}}
{{ include "fraud-detection.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Name and labels of an object: (root, component). */}}
{{- define "fraud-detection.metadata" -}}
name: {{ include "fraud-detection.fullname" .root }}-{{ .component }}
labels:
  {{- include "fraud-detection.labels" . | nindent 2 }}
{{- end }}

{{- define "fraud-detection.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Settings that every program has, as a map. */}}
{{- define "fraud-detection.connection" -}}
KAFKA_BROKER_URL: {{ required "kafka.brokers: expected host:port of the brokers" .Values.kafka.brokers | quote }}
SCHEMA_REGISTRY_URL: {{ required "schemaRegistry.url: expected the URL of the schema registry" .Values.schemaRegistry.url | quote }}
STARTUP_TIMEOUT: {{ .Values.startupTimeout | quote }}
LOG_LEVEL: {{ .Values.logLevel | quote }}
{{- range $property, $value := .Values.kafka.config }}
KAFKA_CONFIG_{{ $property | replace "." "_" | upper }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "fraud-detection.kafkaSecret" -}}
{{- .own | default (printf "%s-%s" (include "fraud-detection.fullname" .root) .component) }}
{{- end }}

{{/* Places of credentials, which stand in files: a Secret that changes is read again. (root, component, own, basicAuth) */}}
{{- define "fraud-detection.credentialSettings" -}}
{{- with .root.Values }}
{{- if .kafka.caSecret.name }}
- {name: KAFKA_CONFIG_SSL_CA_LOCATION, value: /run/secrets/kafka-ca/{{ .kafka.caSecret.key }}}
{{- end }}
{{- if eq .kafka.authentication "scram" }}
- {name: KAFKA_CONFIG_SASL_USERNAME, value: {{ include "fraud-detection.kafkaSecret" $ }}}
- {name: KAFKA_CONFIG_SASL_PASSWORD_FILE, value: /run/secrets/kafka/password}
{{- else if eq .kafka.authentication "tls" }}
- {name: KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION, value: /run/secrets/kafka/user.crt}
- {name: KAFKA_CONFIG_SSL_KEY_LOCATION, value: /run/secrets/kafka/user.key}
{{- end }}
{{- if .schemaRegistry.caSecret.name }}
- {name: SCHEMA_REGISTRY_CA_FILE, value: /run/secrets/registry-ca/{{ .schemaRegistry.caSecret.key }}}
{{- end }}
{{- end }}
{{- if .basicAuth.name }}
- {name: SCHEMA_REGISTRY_BASIC_AUTH_FILE, value: /run/secrets/registry/{{ .basicAuth.key }}}
{{- end }}
{{- end }}

{{- define "fraud-detection.credentialMounts" -}}
{{- with .root.Values }}
{{- if .kafka.caSecret.name }}
- {name: kafka-ca, mountPath: /run/secrets/kafka-ca, readOnly: true}
{{- end }}
{{- if ne .kafka.authentication "none" }}
- {name: kafka, mountPath: /run/secrets/kafka, readOnly: true}
{{- end }}
{{- if .schemaRegistry.caSecret.name }}
- {name: registry-ca, mountPath: /run/secrets/registry-ca, readOnly: true}
{{- end }}
{{- end }}
{{- if .basicAuth.name }}
- {name: registry, mountPath: /run/secrets/registry, readOnly: true}
{{- end }}
{{- end }}

{{- define "fraud-detection.credentialVolumes" -}}
{{- with .root.Values }}
{{- if .kafka.caSecret.name }}
- {name: kafka-ca, secret: {secretName: {{ .kafka.caSecret.name }}, defaultMode: 0440}}
{{- end }}
{{- if ne .kafka.authentication "none" }}
- {name: kafka, secret: {secretName: {{ include "fraud-detection.kafkaSecret" $ }}, defaultMode: 0440}}
{{- end }}
{{- if .schemaRegistry.caSecret.name }}
- {name: registry-ca, secret: {secretName: {{ .schemaRegistry.caSecret.name }}, defaultMode: 0440}}
{{- end }}
{{- end }}
{{- if .basicAuth.name }}
- {name: registry, secret: {secretName: {{ .basicAuth.name }}, defaultMode: 0440}}
{{- end }}
{{- end }}

{{/* What Pod Security's level `restricted` asks of a pod, and of a container. */}}
{{- define "fraud-detection.podSecurity" -}}
serviceAccountName: {{ include "fraud-detection.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "fraud-detection.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}
