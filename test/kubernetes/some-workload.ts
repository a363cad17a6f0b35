import type { KubeObject } from "@locum/runtime/kubernetes";

type Obj = Record<string, unknown>;
export const asks = { "locum.dev/inject": "enabled" };

/** As a restricted namespace wants it. */
const podSpec = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      name: "server",
      image: "nvcr.io/nvidia/tritonserver:24.08-py3",
      args: ["tritonserver", "--model-repository=/models"],
      ports: [{ name: "http", containerPort: 8000 }],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      volumeMounts: [{ name: "models", mountPath: "/models" }],
    },
  ],
  volumes: [{ name: "models", emptyDir: {} }],
};

export const somePod = (name: string, meta: Obj = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...meta },
  spec: podSpec,
});

export const someDeployment = (
  name: string,
  { workload = {}, template = {} }: { workload?: Obj; template?: Obj },
) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, labels: { app: name, ...workload } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name, ...template } }, spec: podSpec },
  },
});

export const hasSidecar = ({ spec }: KubeObject): boolean =>
  JSON.stringify(spec).includes('"name":"locum-sidecar"');
export const phaseOf = ({ status }: KubeObject): unknown => (status as { phase?: string } | undefined)?.phase;
