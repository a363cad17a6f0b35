/** A pod as the API server shows it; injected unless it is said otherwise. */
export function podObject(
  name: string,
  {
    namespace = "models",
    service = "xray",
    poolClass = "stateless",
    injected = true,
    role,
    asked = true,
    controller = "rs-1",
    created = "2026-01-01T00:00:00Z",
    text = {},
    hostNetwork = false,
  }: {
    namespace?: string;
    service?: string;
    poolClass?: "stateless" | "exclusive";
    injected?: boolean;
    role?: string;
    asked?: boolean;
    controller?: string | null;
    created?: string;
    /** More of its LOCUM_SERVICE. */
    text?: object;
    hostNetwork?: boolean;
  } = {},
): object {
  const said = {
    apiVersion: "locum.dev/v1alpha1",
    service,
    class: poolClass,
    posture: "tap",
    instances: [{ id: "$(LOCUM_POD)", url: "http://127.0.0.1:8000" }],
    failover: { heartbeatMs: 200, leaseMs: 1000, prepareMs: 500 },
    ...text,
  };
  const sidecar = {
    name: "locum-sidecar",
    image: "i",
    restartPolicy: "Always",
    env: [
      { name: "LOCUM_POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "LOCUM_SERVICE", value: JSON.stringify(said) },
    ],
  };
  const exclusive = poolClass === "exclusive" ? { "locum.dev/role": role ?? "standby" } : {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      creationTimestamp: created,
      labels: { ...(asked ? { "locum.dev/inject": "enabled" } : {}), ...exclusive },
      ownerReferences:
        controller === null
          ? []
          : [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: controller, uid: "u", controller: true }],
    },
    spec: {
      nodeName: "n1",
      hostNetwork,
      ...(injected ? { initContainers: [sidecar] } : {}),
      containers: [{ name: "model", image: "tritonserver", ports: [{ name: "http", containerPort: 8000 }] }],
    },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
}
