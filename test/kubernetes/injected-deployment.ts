import { inject, injectConfig } from "@locum/injection";
import { type KubeObject, resources } from "@locum/runtime/kubernetes";
import type { Cluster } from "./start-kubernetes.ts";

/** A Deployment of a model server; its template is injected, or only asks for it. */
export function modelDeployment(
  name: string,
  {
    namespace,
    replicas = 2,
    injected = true,
    annotations = {},
  }: { namespace: string; replicas?: number; injected?: boolean; annotations?: Record<string, string> },
): object {
  const template = {
    metadata: { labels: { app: name, "locum.dev/inject": "enabled" }, annotations },
    spec: {
      containers: [
        {
          name: "model",
          image: "nvcr.io/nvidia/tritonserver:25.01-py3",
          args: ["tritonserver", "--model-repository=/models"],
          ports: [{ name: "http", containerPort: 8000 }],
        },
      ],
    },
  };
  const config = injectConfig({
    native: "always",
    collector: { url: "https://collector.locum-system.svc:8470" },
  });
  const done = inject({ pod: template.spec, meta: template.metadata, config, owner: name });
  if (done.kind === "declined") throw new Error(done.detail);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: injected ? { metadata: done.meta, spec: done.pod } : template,
    },
  };
}

/** A Service whose endpoints are the pod with the role active. */
export const activeService = (name: string, namespace: string): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace },
  spec: { selector: { app: name, "locum.dev/role": "active" }, ports: [{ port: 80, targetPort: 8471 }] },
});

export async function podsOf(cluster: Cluster, name: string, namespace: string): Promise<KubeObject[]> {
  const { items } = await cluster.client.list(
    resources.pods,
    { namespace },
    { labelSelector: `app=${name}` },
  );
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The token that the kubelet would project into this pod. */
export async function projectedToken(
  cluster: Cluster,
  { metadata: { name, namespace = "", uid } }: KubeObject,
  { audience = "locum.dev-collector" }: { audience?: string } = {},
): Promise<string> {
  const answer = await cluster.client.create(
    resources.serviceAccounts,
    { namespace, name: "default", sub: "token" },
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: {
        audiences: [audience],
        expirationSeconds: 3600,
        boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid },
      },
    },
  );
  return (answer.status as { token: string }).token;
}
