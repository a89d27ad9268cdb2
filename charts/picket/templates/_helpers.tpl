{{/* Labels of every object; `component` says which program it belongs to. */}}
{{- define "picket.labels" -}}
app.kubernetes.io/name: picket
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: picket
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | quote }}
{{- with .root.Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that never change, by which pods are selected. */}}
{{- define "picket.selector" -}}
app.kubernetes.io/name: picket
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* `registry/repository@digest`, else `registry/repository:tag`. */}}
{{- define "picket.image" -}}
{{- $name := printf "%s/%s" .root.Values.global.imageRegistry .image.repository -}}
{{- if .image.digest -}}
{{ printf "%s@%s" $name .image.digest }}
{{- else -}}
{{ printf "%s:%s" $name (.image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{/* Namespaces of Kubernetes and of Picket itself: nothing is ever injected there. */}}
{{- define "picket.exemptNamespaces" -}}
{{ toJson (list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace) }}
{{- end }}

{{/* What PodSecurity "restricted" asks of a pod. */}}
{{- define "picket.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What it asks of a container; and no write to its root. */}}
{{- define "picket.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where the pods of a program go. */}}
{{- define "picket.placement" -}}
{{- with .part.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if ne .part.spread "None" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ eq .part.spread "Required" | ternary "DoNotSchedule" "ScheduleAnyway" }}
    labelSelector:
      matchLabels:
        {{- include "picket.selector" . | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "picket.selector" . | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/* What every program is told about its log, and what its pods share. */}}
{{- define "picket.logEnvironment" -}}
- name: PICKET_LOG_LEVEL
  value: {{ .Values.global.logLevel | quote }}
- name: PICKET_LOG_FORMAT
  value: {{ .Values.global.logFormat | quote }}
{{- end }}

{{- define "picket.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
