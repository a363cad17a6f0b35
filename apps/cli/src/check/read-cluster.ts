import { Fault } from "@locum/contracts";
import { label, webhookNames } from "@locum/injection";
import { type KubeObject, type Kubernetes, type Resource, resources } from "@locum/runtime/kubernetes";
import { type PodFacts, podFacts } from "./pod-facts.ts";

/** What was read, or why it was not. */
export type Read = { items: KubeObject[]; fault: null } | { items: []; fault: Fault };

export type ClusterSeen = {
  pods: PodFacts[];
  podsFault: Fault | null;
  namespaces: Read;
  services: Read;
  autoscalers: Read;
  budgets: Read;
  nodes: Read;
  webhooks: Read;
  policies: Read;
  injectors: Read;
  secret: Read;
};

const itemsMax = 20_000;
const namespacesMax = 256;

/** Everything that the checks look at, each kind once. What may not be read is said, and keeps no other from it. */
export async function readCluster(
  kubernetes: Kubernetes,
  { namespace, home }: { namespace: string | undefined; home: string },
): Promise<ClusterSeen> {
  const of = namespace === undefined ? {} : { namespace };
  const list = (resource: Resource, place = {}, labelSelector?: string): Promise<Read> =>
    attempt(async () => (await kubernetes.list(resource, place, { itemsMax, labelSelector })).items);
  const get = (resource: Resource, place: { namespace?: string; name: string }): Promise<Read> =>
    attempt(async () => {
      const found = await kubernetes.get(resource, place);
      return found ? [found] : [];
    });
  const [asked, namespaces, services, autoscalers, budgets, nodes, webhooks, policies, injectors, secret] =
    await Promise.all([
      list(resources.pods, of, `${label}=enabled`),
      namespace === undefined ? list(resources.namespaces) : get(resources.namespaces, { name: namespace }),
      list(resources.services, of),
      list(resources.autoscalers, of),
      list(resources.disruptionBudgets, of),
      list(resources.nodes),
      get(resources.mutatingWebhooks, { name: webhookNames.webhookConfiguration }),
      list(resources.mutatingPolicies),
      get(resources.deployments, { namespace: home, name: webhookNames.service }),
      get(resources.secrets, { namespace: home, name: webhookNames.secret }),
    ]);
  const whole = namespaces.items
    .filter(({ metadata }) => metadata.labels?.[webhookNames.namespaceLabel] === "enabled")
    .slice(0, namespacesMax);
  // Pods of a labelled namespace carry no label of their own; one that says no is left out.
  const unlabelled = await Promise.all(
    whole.map(({ metadata }) => list(resources.pods, { namespace: metadata.name }, `!${label}`)),
  );
  return {
    pods: [
      ...asked.items.flatMap((pod) => podFacts(pod) ?? []),
      ...unlabelled.flatMap(({ items }) =>
        items.flatMap((pod) => {
          const facts = podFacts(pod);
          return facts ? [{ ...facts, asked: true }] : [];
        }),
      ),
    ],
    podsFault: asked.fault ?? unlabelled.find(({ fault }) => fault)?.fault ?? null,
    namespaces,
    services,
    autoscalers,
    budgets,
    nodes,
    webhooks,
    policies,
    injectors,
    secret,
  };
}

async function attempt(read: () => Promise<KubeObject[]>): Promise<Read> {
  try {
    return { items: await read(), fault: null };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { items: [], fault: error };
  }
}
