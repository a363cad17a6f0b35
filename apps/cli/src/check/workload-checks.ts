import { selectingService } from "@locum/injection";
import type { CheckLine } from "./check-groups.ts";
import { byWorkload, isObject, listOf, nameOf, type PodFacts, textOf } from "./pod-facts.ts";
import type { ClusterSeen } from "./read-cluster.ts";

const shownMax = 10;

export function checkCoverage({ pods, podsFault }: ClusterSeen): CheckLine[] {
  const group = "injection-coverage";
  if (podsFault)
    return [{ group, level: "bad", what: "pods may not be read", evidence: [podsFault.message] }];
  const bare = pods.filter(({ asked, injected }) => asked && !injected);
  const unreadable = pods.filter((pod) => pod.unreadable);
  return [
    bare.length === 0
      ? {
          group,
          level: "ok",
          what: "every pod that asks for a sidecar has one",
          evidence: [`${pods.length} pods`],
        }
      : {
          group,
          level: "bad",
          what: `${bare.length} of ${pods.length} pods ask for a sidecar and have none`,
          evidence: bare.map(nameOf).slice(0, shownMax),
        },
    ...(unreadable.length === 0
      ? []
      : [
          {
            group,
            level: "note",
            what: "somebody changed locum.dev/status: what was overwritten is lost",
            evidence: unreadable.map(nameOf).slice(0, shownMax),
          } as const,
        ]),
  ];
}

export function checkPorts({ services, pods }: ClusterSeen): CheckLine[] {
  const group = "ports";
  if (services.fault)
    return [{ group, level: "note", what: "Services may not be read", evidence: [services.fault.message] }];
  const tapped = pods.filter(({ ports }) => ports !== null);
  if (tapped.length === 0)
    return [{ group, level: "ok", what: "no tap is in the path", evidence: ["posture watch everywhere"] }];
  const past = services.items.flatMap((service) => {
    const selecting = selectingService({ ...service, kind: "Service", apiVersion: "v1" });
    if (!selecting) return [];
    const mine = tapped.filter((pod) => isSelected(selecting, pod));
    const numbers = selecting.numbers.filter((number) => mine.some(({ ports }) => ports?.model === number));
    return numbers.map(
      (number) =>
        `${nameOf({ namespace: service.metadata.namespace ?? "", name: service.metadata.name })} targetPort ${number}`,
    );
  });
  return [
    past.length === 0
      ? {
          group,
          level: "ok",
          what: "Services lead to the tap",
          evidence: [`${tapped.length} pods in the path`],
        }
      : {
          group,
          level: "bad",
          what: "Services lead to models past their tap",
          evidence: past.slice(0, shownMax),
        },
  ];
}

const isSelected = (
  { selector, namespace }: { selector: Record<string, string>; namespace: string | undefined },
  pod: PodFacts,
): boolean =>
  namespace === pod.namespace && Object.entries(selector).every(([key, value]) => pod.labels[key] === value);

export function checkAutoscalers({ autoscalers, pods }: ClusterSeen): CheckLine[] {
  const group = "hpa";
  if (autoscalers.fault)
    return [
      { group, level: "note", what: "autoscalers may not be read", evidence: [autoscalers.fault.message] },
    ];
  const groups = byWorkload(pods.filter(({ injected }) => injected));
  const counted: string[] = [];
  let ours = 0;
  for (const { metadata, spec } of autoscalers.items) {
    const target = isObject(spec) && isObject(spec.scaleTargetRef) ? spec.scaleTargetRef : {};
    const workload = groups.get(`${metadata.namespace}/${textOf(target.kind)}/${textOf(target.name)}`);
    if (!workload) continue;
    ours += 1;
    const container = workload[0]?.container ?? "the model's container";
    for (const { type, resource } of listOf(isObject(spec) ? spec.metrics : []))
      if (type === "Resource")
        counted.push(
          `${metadata.namespace}/${metadata.name}: ${isObject(resource) ? textOf(resource.name) : "?"}: use ContainerResource of ${container}`,
        );
  }
  return [
    counted.length === 0
      ? {
          group,
          level: "ok",
          what: "no autoscaler counts the sidecar",
          evidence: [`${ours} autoscalers of injected pods`],
        }
      : {
          group,
          level: "note",
          what: "autoscalers count the sidecar as the model",
          evidence: counted.slice(0, shownMax),
        },
  ];
}

export function checkBudgets({ budgets, pods }: ClusterSeen): CheckLine[] {
  const group = "pdb";
  if (budgets.fault)
    return [
      { group, level: "note", what: "disruption budgets may not be read", evidence: [budgets.fault.message] },
    ];
  const blocked: string[] = [];
  const single: string[] = [];
  const free: string[] = [];
  const groups = byWorkload(pods.filter(({ injected }) => injected));
  for (const [key, members] of groups) {
    const [first] = members;
    const found =
      first && budgets.items.filter((budget) => covers(budget.spec, budget.metadata.namespace, first));
    const tight = found?.find(({ spec }) => leaves(spec, members.length) === 0);
    if (tight) blocked.push(`${key}: ${tight.metadata.name} allows no eviction of ${members.length}`);
    else if (members.length === 1) single.push(key);
    else if (found?.length === 0) free.push(key);
  }
  const lines: CheckLine[] = [];
  const add = (level: "note" | "bad", what: string, evidence: readonly string[]): void => {
    if (evidence.length > 0) lines.push({ group, level, what, evidence: evidence.slice(0, shownMax) });
  };
  add("bad", "a node with such a pod cannot be drained", blocked);
  add("note", "one replica: a drain is an outage", single);
  add("note", "no budget: a drain may take all instances at once", free);
  return lines.length > 0
    ? lines
    : [
        {
          group,
          level: "ok",
          what: "drains are possible and leave an instance",
          evidence: [workloads(groups)],
        },
      ];
}

const workloads = (groups: ReadonlyMap<string, unknown>): string =>
  `${groups.size} workload${groups.size === 1 ? "" : "s"} with sidecars`;

function covers(spec: unknown, namespace: string | undefined, pod: PodFacts): boolean {
  const selector = isObject(spec) && isObject(spec.selector) ? spec.selector : {};
  const labels = isObject(selector.matchLabels) ? selector.matchLabels : {};
  return (
    namespace === pod.namespace && Object.entries(labels).every(([key, value]) => pod.labels[key] === value)
  );
}

/** How many of so many pods a budget lets go. */
function leaves(spec: unknown, replicas: number): number {
  const { minAvailable, maxUnavailable } = isObject(spec) ? spec : {};
  const count = (value: unknown): number | null =>
    typeof value === "number"
      ? value
      : typeof value === "string" && /^\d{1,3}%$/.test(value)
        ? Math.ceil((Number.parseInt(value, 10) / 100) * replicas)
        : null;
  const most = count(maxUnavailable);
  const least = count(minAvailable);
  if (most !== null) return most;
  return least === null ? replicas : Math.max(0, replicas - least);
}

export function checkSpread({ pods }: ClusterSeen): CheckLine[] {
  const group = "spread";
  const groups = byWorkload(pods.filter(({ injected }) => injected));
  const together = [...groups].flatMap(([key, members]) => {
    const nodes = new Set(members.map(({ node }) => node));
    const [node] = nodes;
    return members.length > 1 && nodes.size === 1 && node ? [`${key}: ${members.length} on ${node}`] : [];
  });
  return [
    together.length === 0
      ? { group, level: "ok", what: "no service is on one node alone", evidence: [workloads(groups)] }
      : {
          group,
          level: "note",
          what: "all instances are on one node",
          evidence: together.slice(0, shownMax),
        },
  ];
}
