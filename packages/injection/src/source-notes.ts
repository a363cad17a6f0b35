import type { Keys } from "./keys.ts";
import type { ModelMount } from "./model-mount.ts";
import type { PodSpec } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import { meshInits, type Target } from "./target.ts";

/**
 * Where a pod would not start without its model's source although the files are there: a filled folder helps only those
 * who look into it first. Nothing where no start from a snapshot was asked for.
 */
export function sourceNotes(
  { initContainers }: PodSpec,
  target: Target,
  { keys, model, native }: { keys: Keys; model: ModelMount; native: boolean },
): Note[] {
  if (keys["on-source-failure"] === "fail") return [];
  const told = (detail: string): Note => ({ code: "source_still_needed", detail });
  if (model.modelDir === undefined || model.mount === undefined || model.mount.readOnly === true)
    return [told("there is no model folder that the sidecar could fill")];
  const fetchers = (initContainers ?? []).filter(
    ({ name, volumeMounts }) =>
      !meshInits.has(name) && (volumeMounts ?? []).some((mount) => mount.name === model.mount?.name),
  );
  return [
    ...fetchers.map(({ name }) =>
      told(
        `init container ${name} writes to the model's volume${native ? "" : ", before the sidecar starts"}: where it fails, the pod does not start, whatever is there`,
      ),
    ),
    ...(target.path?.said
      ? []
      : [
          told(
            `the server of container ${target.container.name} may fetch its model by itself: have it look into ${model.modelDir} first (HF_HUB_OFFLINE=1)`,
          ),
        ]),
  ];
}

/** Compose files and units have no snapshot volume of their own: there a service file names `snapshot.spareDir`. */
export const refuseOutsidePods = (keys: Keys): Declined | null =>
  keys["on-source-failure"] === "fail"
    ? null
    : declined("bad_value", "locum.dev/on-source-failure: expected fail, outside of Kubernetes");
