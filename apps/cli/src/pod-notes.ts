import type { InstanceView, PodsView, PodView } from "@locum/contracts";
import type { Output } from "./output.ts";

export const podOf = (pods: PodsView, { service, instance }: InstanceView): PodView | undefined =>
  pods.pods.find((pod) => pod.service === service && pod.instance === instance);

/** What Kubernetes says of an instance, where it is worth a word. */
export function podNotes(pod: PodView | undefined, { role }: InstanceView): string[] {
  if (!pod) return [];
  return [
    pod.deleting ? "its pod goes" : pod.ready ? "" : "its pod is not ready",
    pod.role !== null && pod.role !== role ? `labelled ${pod.role}` : "",
  ].filter((note) => note !== "");
}

/** Pods that are no instance: those without a sidecar, and those that no service takes. */
export function showStrayPods(out: Output, { kubernetes, pods }: PodsView): void {
  const strays = pods.filter(({ instance, deleting }) => instance === null && !deleting);
  if (kubernetes === "behind") {
    out.say("");
    out.say(out.paint("warn", "The collector does not hear the Kubernetes API: pods are as known last."));
  }
  if (strays.length === 0) return;
  out.say("");
  out.table(
    ["pod", "sidecar", "why"],
    strays.map(({ namespace, pod, injection, detail }) => [
      `${namespace}/${pod}`,
      {
        text: injection === "injected" ? "there" : injection,
        colour: injection === "missed" ? "bad" : "warn",
      },
      detail ?? "",
    ]),
  );
}
