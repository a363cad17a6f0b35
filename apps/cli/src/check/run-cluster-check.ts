import { type Client, Fault } from "@locum/contracts";
import type { Kubernetes } from "@locum/runtime/kubernetes";
import { readPods } from "../read-pods.ts";
import { checkPodSecurity, checkWebhook } from "./admission-checks.ts";
import { checkApi, checkKubelets, checkPermissions } from "./api-checks.ts";
import { type CheckGroup, type CheckLine, checkGroups } from "./check-groups.ts";
import { type CollectorSeen, checkCollector, checkSkew } from "./collector-checks.ts";
import { type ClusterSeen, readCluster } from "./read-cluster.ts";
import { checkAutoscalers, checkBudgets, checkCoverage, checkPorts, checkSpread } from "./workload-checks.ts";

export type ClusterCheck = {
  kubernetes: Kubernetes;
  /** Null where no collector was named. */
  collector: Client | null;
  pre: boolean;
  /** All of the cluster if absent. */
  namespace: string | undefined;
  /** Where Locum itself is installed. */
  home: string;
  /** Of this command. */
  version: string;
  nowMs: number;
};

/** Every group once, in the order of the table. Where the API server does not answer, nothing else is asked of it. */
export async function runClusterCheck(given: ClusterCheck): Promise<CheckLine[]> {
  const { kubernetes, pre, namespace, home, nowMs } = given;
  const api = await checkApi(kubernetes);
  const isThere = api.lines.some(({ group }) => group === "versions");
  const seen = isThere ? await readCluster(kubernetes, { namespace, home }) : null;
  const lines = [
    ...api.lines,
    ...(seen
      ? [
          ...checkKubelets(seen),
          ...(await checkPermissions(kubernetes, { pre, namespace, home })),
          ...checkPodSecurity(seen),
          ...(pre ? [] : workloadLines(seen, nowMs)),
        ]
      : []),
    ...(pre ? [] : await collectorLines(given, seen)),
  ];
  const order = Object.keys(checkGroups) as CheckGroup[];
  return lines.toSorted((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
}

const workloadLines = (seen: ClusterSeen, nowMs: number): CheckLine[] => [
  ...checkWebhook(seen, nowMs),
  ...checkCoverage(seen),
  ...checkPorts(seen),
  ...checkAutoscalers(seen),
  ...checkBudgets(seen),
  ...checkSpread(seen),
];

async function collectorLines(
  { collector, version, nowMs }: ClusterCheck,
  seen: ClusterSeen | null,
): Promise<CheckLine[]> {
  const ofPods = (seen?.pods ?? []).flatMap((pod) =>
    pod.version === null ? [] : [{ who: `${pod.namespace}/${pod.name}`, version: pod.version }],
  );
  const skew = checkSkew(ofPods, version);
  const unknown = (groups: readonly CheckGroup[], what: string, evidence: string): CheckLine[] =>
    groups.map((group) => ({ group, level: "note", what, evidence: [evidence] }));
  if (!collector)
    return [
      ...unknown(
        ["snapshots", "standby", "drill-age"],
        "no collector was named",
        "--collector and --token-file",
      ),
      ...skew,
    ];
  try {
    return [...checkCollector(await askCollector(collector), nowMs), ...skew];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [
      { group: "standby", level: "bad", what: "the collector does not answer", evidence: [error.message] },
      ...unknown(["snapshots", "drill-age"], "only the collector knows", error.code),
      ...skew,
    ];
  }
}

async function askCollector(client: Client): Promise<CollectorSeen> {
  const [services, instances, { pods }, drills] = await Promise.all([
    client.services(),
    client.instances(),
    readPods(client),
    client.audit({ kind: ["drill.result"], limit: 1, order: "desc" }),
  ]);
  const at = drills[0]?.event.at;
  return { services, instances, pods, lastDrillMs: at === undefined ? null : Date.parse(at) };
}
