type Labels = Record<string, string>;
type Selector = {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
};
type Peer = {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
};
type Port = { protocol?: string; port?: number | string; endPort?: number };
type Rule = { ports?: Port[]; from?: Peer[]; to?: Peer[] };
export type NetworkPolicy = {
  metadata: { namespace?: string };
  spec: { podSelector: Selector; policyTypes?: string[]; ingress?: Rule[]; egress?: Rule[] };
};

/** An end of a connection: a pod, or an address that is none of a pod (a node, the API server, the world). */
export type End =
  | { kind: "pod"; namespace: string; labels: Labels; ports?: Record<string, number> }
  | { kind: "address"; ip: string };
export type Connection = { from: End; to: End; port: number; protocol?: "TCP" | "UDP" };

/**
 * What NetworkPolicies say of a connection, by the rules of networking.k8s.io/v1: an end that no policy selects is
 * open; one that is selected takes what any of its policies allows; both ends have to agree. A node always reaches the
 * pods that it runs, so the kubelet's probes are not asked about here.
 */
export function isConnectionAllowed(
  { from, to, port, protocol = "TCP" }: Connection,
  policies: readonly NetworkPolicy[],
  namespaces: Readonly<Record<string, Labels>>,
): boolean {
  const portOfName = (name: string): number | undefined => (to.kind === "pod" ? to.ports?.[name] : undefined);
  const hasPort = ({ ports }: Rule): boolean =>
    !ports ||
    ports.length === 0 ||
    ports.some((one) => {
      if ((one.protocol ?? "TCP") !== protocol) return false;
      if (one.port === undefined) return true;
      const first = typeof one.port === "number" ? one.port : portOfName(one.port);
      return first !== undefined && port >= first && port <= (one.endPort ?? first);
    });
  const isPeer = (peers: readonly Peer[] | undefined, end: End, home: string | undefined): boolean =>
    !peers || peers.length === 0 || peers.some((peer) => matchesPeer(peer, end, home, namespaces));
  const agrees = (self: End, other: End, direction: "Ingress" | "Egress"): boolean => {
    const mine = policies.filter((policy) => selects(policy, self) && typesOf(policy).includes(direction));
    if (mine.length === 0) return true;
    return mine.some(({ metadata, spec }) =>
      ((direction === "Ingress" ? spec.ingress : spec.egress) ?? []).some(
        (rule) =>
          hasPort(rule) && isPeer(direction === "Ingress" ? rule.from : rule.to, other, metadata.namespace),
      ),
    );
  };
  return agrees(from, to, "Egress") && agrees(to, from, "Ingress");
}

const typesOf = ({ spec }: NetworkPolicy): string[] =>
  spec.policyTypes ?? ["Ingress", ...(spec.egress ? ["Egress"] : [])];

const selects = ({ metadata, spec }: NetworkPolicy, end: End): boolean =>
  end.kind === "pod" && end.namespace === metadata.namespace && matches(spec.podSelector, end.labels);

function matchesPeer(
  { podSelector, namespaceSelector, ipBlock }: Peer,
  end: End,
  home: string | undefined,
  namespaces: Readonly<Record<string, Labels>>,
): boolean {
  if (ipBlock)
    return (
      end.kind === "address" &&
      inBlock(end.ip, ipBlock.cidr) &&
      !(ipBlock.except ?? []).some((block) => inBlock(end.ip, block))
    );
  if (end.kind === "address") return false;
  const isPlace = namespaceSelector
    ? matches(namespaceSelector, namespaces[end.namespace] ?? {})
    : end.namespace === home;
  return isPlace && (!podSelector || matches(podSelector, end.labels));
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      if (operator === "In") return value !== undefined && values.includes(value);
      if (operator === "NotIn") return value === undefined || !values.includes(value);
      throw new Error(`expected an operator of a selector, found ${operator}`);
    })
  );
}

function inBlock(ip: string, cidr: string): boolean {
  const [base = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  return Math.floor(numberOf(ip) / size) === Math.floor(numberOf(base) / size);
}

const numberOf = (ip: string): number => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
