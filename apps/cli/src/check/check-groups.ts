/** The groups of `locum check` on a cluster, in their order: what each looks at, and what mends it. */
export const checkGroups = {
  "kubernetes-api": {
    about: "The API server answers, and says that it is ready.",
    mend: "Look at the kubeconfig's server and context. While etcd is away the API server answers nothing at all.",
  },
  versions: {
    about: "The API server and every kubelet are new enough for what Locum uses.",
    mend: "From 1.33 on sidecars are native ones; before that `locum.dev/native-sidecar: never` is what happens. A policy instead of the webhook needs 1.36.",
  },
  permissions: {
    about: "You may do what `locum install` does (with `--pre`), or read what this check reads.",
    mend: "Ask for the rights in the evidence; `locum install` prints every object that it makes.",
  },
  "pod-security": {
    about: "What a namespace enforces lets injected pods and Locum's own in.",
    mend: "The sidecar keeps to `restricted`. A pod that does not is refused because of its other containers, or of hostNetwork.",
  },
  "webhook-cert": {
    about: "Something injects, it answers, and its certificate is good for ten days at least.",
    mend: "The injector renews its certificate by itself at two thirds of its life: read its log. With cert-manager look at the Certificate.",
  },
  "injection-coverage": {
    about: "Every pod that asks for a sidecar has one.",
    mend: "`locum explain` says why a pod has none. Pods that were made while nothing injected have to be made anew; the collector's `heal: evict` does it.",
  },
  ports: {
    about: "No Service leads to a model past its tap.",
    mend: "Give the port a name and let the Service target the name, or pass the Service to `locum inject` in the same input.",
  },
  hpa: {
    about: "No autoscaler counts the sidecar's CPU as the model's.",
    mend: "Use a metric of type ContainerResource with the model's container, or the collector's `locum_service_inflight_per_ready`.",
  },
  pdb: {
    about: "A drain of a node leaves each service an instance, and is possible.",
    mend: "Two replicas and a PodDisruptionBudget with maxUnavailable: 1 and unhealthyPodEvictionPolicy: AlwaysAllow.",
  },
  spread: {
    about: "Instances of a service are not all on one node.",
    mend: "A topologySpreadConstraint over kubernetes.io/hostname.",
  },
  snapshots: {
    about: "Each instance with a model folder has a verified copy of an approved release.",
    mend: "Approve a release, and give the snapshots room (`locum.dev/snapshot-volume`).",
  },
  standby: {
    about: "Somebody who is proven fit can stand in.",
    mend: "`locum status` shows what each instance lacks: goldens, bytes, or a sidecar that is connected.",
  },
  "drill-age": {
    about: "A drill proved the failover within thirty days.",
    mend: "`locum drill run` breaks a drillable instance on purpose, and measures.",
  },
  "version-skew": {
    about: "Sidecars, collector and this command are neighbouring versions.",
    mend: "Upgrade the older side: neighbours work together, strangers are told so and closed.",
  },
} as const;

export type CheckGroup = keyof typeof checkGroups;
export type CheckLine = {
  group: CheckGroup;
  level: "ok" | "note" | "bad";
  /** A sentence without its full stop. */
  what: string;
  /** What was found, one thing a line. */
  evidence: readonly string[];
};

export const hintOf = (group: CheckGroup): string => `docs/checks.md#${group}`;

/** docs/checks.md, from the table. */
export const checksDoc = (): string => `# What locum check looks at on a cluster

Each line of \`locum check\` has a sign (\`√\` in order, \`‼\` worth knowing, \`×\` wrong), a sentence, what was found, and
the place on this page that says what to do. \`--pre\` asks the first four groups only, before anything is installed.

${Object.entries(checkGroups)
  .map(([group, { about, mend }]) => `## ${group}\n\n${about}\n\n${mend}\n`)
  .join("\n")}`;
