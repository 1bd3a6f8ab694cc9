{{/*
Pod of a service that runs until it is told to stop.

No probe asks a broker: one that is away never restarts a pod. While windows are restored /livez is 200 as long as the
restore moves, however long it takes, and /readyz is 503: a rolling update waits. So the startup probe asks /livez, which
answers once the program is loaded, and no time has to be guessed for a restore.

Arguments: root, component, values; optional: stable (INSTANCE_ID is the pod's name), settings, env, mounts, volumes, ports.
*/}}
{{- define "fraud-detection.pod" -}}
{{- $root := .root }}
{{- $credentials := dict "root" $root "component" .component "own" .values.kafkaSecret "basicAuth" $root.Values.schemaRegistry.basicAuthSecret }}
metadata:
  labels:
    {{- include "fraud-detection.labels" . | nindent 4 }}
  annotations:
    checksum/connection: {{ include "fraud-detection.connection" $root | sha256sum }}
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "fraud-detection.podSecurity" $root | nindent 2 }}
  terminationGracePeriodSeconds: 30
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "fraud-detection.selector" $ | nindent 10 }}
    {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "fraud-detection.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [services.{{ .component }}]
      envFrom:
        - configMapRef: {name: {{ include "fraud-detection.fullname" $root }}-connection}
      env:
        - {name: METRICS_PORT, value: "9464"}
        {{- if .stable }}
        # The next pod of this name ends at once the transaction that the last one left open.
        - name: INSTANCE_ID
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        {{- end }}
        {{- range $name, $value := mergeOverwrite (dict) (.settings | default dict) .values.settings }}
        - {name: {{ $name }}, value: {{ $value | quote }}}
        {{- end }}
        {{- include "fraud-detection.credentialSettings" $credentials | nindent 8 }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: metrics, containerPort: 9464}
        {{- with .ports }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      startupProbe:
        httpGet: {path: /livez, port: metrics}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      resources: {{- toYaml .values.resources | nindent 8 }}
      {{- include "fraud-detection.containerSecurity" $root | nindent 6 }}
      {{- $mounts := include "fraud-detection.credentialMounts" $credentials }}
      {{- if or (trim $mounts) .mounts }}
      volumeMounts:
        {{- $mounts | nindent 8 }}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- $volumes := include "fraud-detection.credentialVolumes" $credentials }}
  {{- if or (trim $volumes) .volumes }}
  volumes:
    {{- $volumes | nindent 4 }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Headless service, by which a StatefulSet's pods have names and Prometheus finds them: (root, component). */}}
{{- define "fraud-detection.headless" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "fraud-detection.metadata" . | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true # metrics of a restore are read, too
  selector:
    {{- include "fraud-detection.selector" . | nindent 4 }}
  ports:
    - {name: metrics, port: 9464, targetPort: metrics}
{{- end }}

{{- define "fraud-detection.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "fraud-detection.metadata" . | nindent 2 }}
spec:
  {{- toYaml .values.podDisruptionBudget | nindent 2 }}
  unhealthyPodEvictionPolicy: AlwaysAllow # a pod that isn't ready in an outage must not hold up the drain of a node
  selector:
    matchLabels:
      {{- include "fraud-detection.selector" . | nindent 6 }}
{{- end }}

{{/* Volume of the rules, if the values have any. */}}
{{- define "fraud-detection.rulesVolume" -}}
{{- with .Values.detector }}
{{- if .rulesVolume }}
{{ toYaml .rulesVolume }}
{{- else if .rules }}
configMap: {name: {{ include "fraud-detection.fullname" $ }}-rules}
{{- end }}
{{- end }}
{{- end }}
