import { Fault } from "@locum/contracts";
import { webhookConfiguration } from "@locum/injection";
import { type KubeObject, type Kubernetes, pathOf } from "@locum/runtime/kubernetes";

export type MemoryCluster = Pick<Kubernetes, "get" | "create" | "replace" | "apply"> & {
  /** Removes an object, as a person would. */
  drop(path: string): void;
  /** Installs the registration, or renders it anew without a caBundle. */
  register(): void;
  /** Calls fail while it is set. */
  outage: Error | null;
  writes: string[];
  bundles(): (string | undefined)[];
};

const registrationPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/locum-injector";
export const secretPath = "/api/v1/namespaces/locum-system/secrets/locum-injector-tls";

/** Objects with resourceVersions, as far as the injector's own calls see them. */
export function memoryCluster(): MemoryCluster {
  const objects = new Map<string, KubeObject>();
  let version = 0;
  const put = (path: string, body: object): KubeObject => {
    version += 1;
    const object = structuredClone(body) as KubeObject;
    object.metadata.resourceVersion = String(version);
    objects.set(path, object);
    return structuredClone(object);
  };
  /** Others run between a call and its effect, as they do over a network. */
  const turn = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (cluster.outage) throw cluster.outage;
  };
  const cluster: MemoryCluster = {
    outage: null,
    writes: [],
    async get(resource, place) {
      await turn();
      return structuredClone(objects.get(pathOf(resource, place)) ?? null);
    },
    async create(resource, place, body) {
      await turn();
      const path = pathOf(resource, { ...place, name: (body as KubeObject).metadata.name });
      if (objects.has(path)) throw new Fault("conflict", "AlreadyExists");
      cluster.writes.push(`create ${path}`);
      return put(path, body);
    },
    async replace(resource, place, body) {
      await turn();
      const path = pathOf(resource, place);
      const found = objects.get(path);
      if (!found) throw new Fault("not-found", "NotFound");
      if (found.metadata.resourceVersion !== (body as KubeObject).metadata.resourceVersion)
        throw new Fault("conflict", "Conflict");
      cluster.writes.push(`replace ${path}`);
      return put(path, body);
    },
    async apply(resource, place, body, { fieldManager, force }) {
      await turn();
      const path = pathOf(resource, place);
      const found = objects.get(path);
      if (!found) throw new Fault("request-invalid", "a webhook without its rules");
      const bundles = new Map(
        webhooksOf(body).map(({ name, clientConfig }) => [name, clientConfig.caBundle]),
      );
      for (const webhook of webhooksOf(found))
        webhook.clientConfig.caBundle = bundles.get(webhook.name) ?? webhook.clientConfig.caBundle;
      cluster.writes.push(`apply ${path} ${fieldManager} ${force}`);
      return put(path, found);
    },
    drop: (path) => void objects.delete(path),
    register: () => void put(registrationPath, webhookConfiguration()),
    bundles: () => {
      const found = objects.get(registrationPath);
      return found ? webhooksOf(found).map(({ clientConfig }) => clientConfig.caBundle) : [];
    },
  };
  return cluster;
}

type Webhook = { name: string; clientConfig: { caBundle?: string | undefined } };
const webhooksOf = (object: object): Webhook[] => (object as { webhooks: Webhook[] }).webhooks;
