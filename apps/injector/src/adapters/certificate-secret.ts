import { Fault } from "@locum/contracts";
import { webhookNames } from "@locum/injection";
import { type KubeObject, type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { type CertificateSet, readSet, writeSet } from "../certificates/certificate-set.ts";

/** What was read, and what a later write is compared with. */
export type SecretState = { set: CertificateSet; found: KubeObject | null };

/** The one Secret of all replicas. Idempotent to read; a write wins only over exactly what was read. */
export type CertificateSecret = {
  /** @throws Fault, as a Kubernetes call does */
  read(): Promise<SecretState>;
  /** False where another replica wrote first: read again. */
  write(set: CertificateSet, over: SecretState): Promise<boolean>;
};

export function certificateSecret(
  kubernetes: Pick<Kubernetes, "get" | "create" | "replace">,
  namespace: string,
): CertificateSecret {
  const place = { namespace, name: webhookNames.secret };
  return {
    async read() {
      const found = await kubernetes.get(resources.secrets, place);
      return { set: readSet(found?.data), found };
    },
    async write(set, { found }) {
      const manager = { fieldManager: webhookNames.fieldManager };
      // What others put beside ours (labels, owner) stays; the resourceVersion in it makes this a compare-and-swap.
      const secret = {
        ...(found ?? {
          metadata: { name: webhookNames.secret, labels: { "app.kubernetes.io/name": "locum" } },
        }),
        apiVersion: "v1",
        kind: "Secret",
        data: { ...(found?.data as object | undefined), ...writeSet(set) },
      };
      try {
        if (found) await kubernetes.replace(resources.secrets, place, secret, manager);
        else await kubernetes.create(resources.secrets, { namespace }, secret, manager);
        return true;
      } catch (error) {
        if (error instanceof Fault && (error.code === "conflict" || error.code === "not-found")) return false;
        throw error;
      }
    },
  };
}
