/** Why nothing was injected, and what to do. Closed: warnings, reports and the docs all use these words. */
export const declineReasons = {
  not_labelled: "Label the pod template with locum.dev/inject: enabled.",
  label_disabled: "Its label locum.dev/inject: disabled says so.",
  wrong_level_label:
    "Labels go onto the pod template (spec.template.metadata.labels), every other key is an annotation there.",
  unknown_key: "docs/injection.md lists the keys.",
  bad_value: "docs/injection.md has the values of each key.",
  guard_unavailable:
    "The sidecar of this version does not block inputs yet: locum.dev/posture: tap is in the path and fails open.",
  malformed: "The API server would refuse this object too.",
  windows: "The sidecar runs on Linux.",
  host_network:
    "A pod on the node's own network has no ports to itself: run the sidecar on the machine instead.",
  no_containers: "A controller makes the containers later: let the webhook inject its pods.",
  no_such_container: "Name a container of this pod in locum.dev/container.",
  no_port: "Declare the model's containerPort, or name it in locum.dev/port.",
  numeric_service_port:
    "Give the port a name and let the Service target that name, have the server say its port by its own flag, or pass the Service to locum inject in the same input.",
  job_needs_native:
    "An ordinary container beside a job would keep it from ending: native sidecars end with it (locum.dev/native-sidecar, or kubelets from 1.33 on).",
  port_collision: "Choose others with locum.dev/tap-port and locum.dev/control-port.",
  name_collision: "Names that begin with locum- are the sidecar's.",
  name_too_long: "An instance is named after its pod, with at most 63 characters.",
  oversized_annotations: "Kubernetes keeps at most 256 KiB of annotations, Locum 16 KiB of its own.",
  rendered_elsewhere: "KServe makes the containers of this object later: let the webhook inject its pods.",
  unsafe_edit:
    "No text edit gives the wanted object and can be taken back: write this part without anchors or tags.",
  duplicate_keys: "A key stands twice in one mapping: remove one of the two.",
  nothing_to_watch: "The unit starts no program.",
} as const satisfies Record<string, string>;

export type DeclineReason = keyof typeof declineReasons;
export type Declined = { kind: "declined"; reason: DeclineReason; detail: string };

export const declined = (reason: DeclineReason, detail: string): Declined => ({
  kind: "declined",
  reason,
  detail,
});

/** What holds less than a reader may think, although the sidecar is in. */
export type NoteCode =
  | "server_unknown"
  | "model_path_unknown"
  | "model_not_mounted"
  | "model_volume_read_only"
  | "grpc_bypasses_tap"
  | "probe_kept"
  | "takeover_none"
  | "service_patched"
  | "port_moved"
  | "probe_through_tap"
  | "source_still_needed"
  | "status_unreadable"
  | "ordinary_container";
export type Note = { code: NoteCode; detail: string };
