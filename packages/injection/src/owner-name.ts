import { Name } from "@locum/contracts";
import type { Meta } from "./pod.ts";

/**
 * The name of whatever made a pod: of the Deployment above its ReplicaSet, of the InferenceService above both, else its
 * controller's, else its own. Null where none could name a service.
 */
export function ownerName(
  { name, generateName, labels, ownerReferences }: Meta,
  workload?: string | undefined,
): string | null {
  const [owner] = ownerReferences ?? [];
  // The Jobs of a CronJob carry the minute at which they are due.
  const maker = owner?.kind === "Job" ? owner.name?.replace(/-\d{8}$/, "") : owner?.name;
  const hash = labels?.["pod-template-hash"];
  const generated = generateName?.replace(/-$/, "");
  const candidates = [
    labels?.["serving.kserve.io/inferenceservice"],
    workload,
    withoutHash(maker, hash),
    withoutHash(generated, hash),
    name,
  ];
  return candidates.find((one) => one !== undefined && Name.safeParse(one).success) ?? null;
}

const withoutHash = (name: string | undefined, hash: string | undefined): string | undefined =>
  hash !== undefined && name?.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : name;
