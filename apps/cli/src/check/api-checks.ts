import { Fault } from "@locum/contracts";
import { type Kubernetes, type Resource, resources } from "@locum/runtime/kubernetes";
import type { CheckLine } from "./check-groups.ts";
import { isObject, textOf } from "./pod-facts.ts";
import type { ClusterSeen } from "./read-cluster.ts";

/** Groups kubernetes-api and the server's half of versions; nothing else can be asked where the first line is bad. */
export async function checkApi(
  kubernetes: Kubernetes,
): Promise<{ lines: CheckLine[]; minor: number | null }> {
  const group = "kubernetes-api";
  try {
    const version = await kubernetes.raw("/version");
    const git = (isObject(version) ? textOf(version.gitVersion) : null) ?? "?";
    const ready = await kubernetes.raw("/readyz").catch((error: unknown) => (error as Error).message);
    const minor = minorOf(git);
    const isOld = minor === null || minor < 29;
    return {
      minor,
      lines: [
        { group, level: "ok", what: "the API server answers", evidence: [kubernetes.access.server] },
        ready === "ok"
          ? { group, level: "ok", what: "it says that it is ready", evidence: ["/readyz"] }
          : {
              group,
              level: "bad",
              what: "it says that it is not ready",
              evidence: [String(ready).slice(0, 300)],
            },
        {
          group: "versions",
          level: isOld ? "bad" : minor < 33 ? "note" : "ok",
          what: isOld
            ? "the API server is older than 1.29"
            : minor < 33
              ? "sidecars are ordinary containers before 1.33"
              : "the API server is new enough",
          evidence: [git],
        },
      ],
    };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return {
      minor: null,
      lines: [{ group, level: "bad", what: "the API server does not answer", evidence: [error.message] }],
    };
  }
}

export function checkKubelets({ nodes }: ClusterSeen): CheckLine[] {
  const group = "versions";
  if (nodes.fault)
    return [{ group, level: "note", what: "nodes may not be read", evidence: [nodes.fault.message] }];
  const old = nodes.items.flatMap(({ metadata, status }) => {
    const info =
      isObject(status) && isObject(status.nodeInfo) ? textOf(status.nodeInfo.kubeletVersion) : null;
    const minor = minorOf(info ?? "");
    return minor !== null && minor < 33 ? [`${metadata.name} ${info}`] : [];
  });
  return [
    old.length === 0
      ? {
          group,
          level: "ok",
          what: "every kubelet can run native sidecars",
          evidence: [`${nodes.items.length} nodes`],
        }
      : { group, level: "note", what: "some kubelets are older than 1.33", evidence: old.slice(0, 10) },
  ];
}

const minorOf = (version: string): number | null => {
  const [, minor] = /^v?1\.(\d{1,3})/.exec(version) ?? [];
  return minor === undefined ? null : Number(minor);
};

type Right = { resource: Resource; verb: string; namespace?: string };

const toInstall = (home: string): Right[] => [
  { resource: resources.namespaces, verb: "create" },
  { resource: resources.serviceAccounts, verb: "create", namespace: home },
  { resource: resources.deployments, verb: "create", namespace: home },
  { resource: resources.services, verb: "create", namespace: home },
  { resource: resources.mutatingWebhooks, verb: "create" },
  { resource: resources.validatingPolicies, verb: "create" },
  { resource: rbac("clusterroles"), verb: "create" },
  { resource: rbac("clusterrolebindings"), verb: "create" },
];
const toCheck = (namespace: string | undefined): Right[] => {
  const at = namespace === undefined ? {} : { namespace };
  return [
    { resource: resources.pods, verb: "list", ...at },
    { resource: resources.services, verb: "list", ...at },
    { resource: resources.autoscalers, verb: "list", ...at },
    { resource: resources.disruptionBudgets, verb: "list", ...at },
    { resource: resources.mutatingWebhooks, verb: "get" },
  ];
};

function rbac(plural: string): Resource {
  return { group: "rbac.authorization.k8s.io", version: "v1", plural };
}

/** Asks the API server itself, by SelfSubjectAccessReview: what a role means is its business. */
export async function checkPermissions(
  kubernetes: Kubernetes,
  { pre, namespace, home }: { pre: boolean; namespace: string | undefined; home: string },
): Promise<CheckLine[]> {
  const group = "permissions";
  const wanted = pre ? toInstall(home) : toCheck(namespace);
  const answers = await Promise.all(
    wanted.map(async (right) => ({ right, allowed: await mayI(kubernetes, right) })),
  );
  const asText = ({ resource, verb, namespace: at }: Right): string =>
    `${verb} ${resource.plural}${resource.group ? `.${resource.group}` : ""}${at === undefined ? "" : ` in ${at}`}`;
  const denied = answers.filter(({ allowed }) => !allowed).map(({ right }) => asText(right));
  const purpose = pre ? "install" : "read what this check looks at";
  return [
    denied.length === 0
      ? { group, level: "ok", what: `you may ${purpose}`, evidence: [`${answers.length} rights asked`] }
      : { group, level: pre ? "bad" : "note", what: `you may not ${purpose}`, evidence: denied },
  ];
}

async function mayI(kubernetes: Kubernetes, { resource, verb, namespace }: Right): Promise<boolean> {
  const { group, plural } = resource;
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    metadata: {},
    spec: { resourceAttributes: { group, resource: plural, verb, ...(namespace ? { namespace } : {}) } },
  };
  const answer = await kubernetes.create(resources.selfAccessReviews, {}, body).catch(() => null);
  return isObject(answer?.status) && answer.status.allowed === true;
}
