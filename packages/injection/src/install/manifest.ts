import { domain } from "../keys.ts";
import type { InstallValues } from "./values.ts";

/** An object of Kubernetes as it is applied: what the API server fills in is not in it. */
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
};

/** On every object of an installation, and on none other: what `locum uninstall` finds. */
export const installLabel = { [`${domain}/install`]: "locum" } as const;

export type Component = "injector" | "collector" | "admission" | "authority" | "namespace";

export const selectorLabels = (component: Component): Record<string, string> => ({
  "app.kubernetes.io/name": "locum",
  "app.kubernetes.io/component": component,
});

export function manifest(
  apiVersion: string,
  kind: string,
  {
    name,
    namespace,
    component,
    annotations,
    labels = {},
  }: {
    name: string;
    namespace?: string;
    component: Component;
    annotations?: Record<string, string> | undefined;
    labels?: Record<string, string>;
  },
  body: Record<string, unknown> = {},
): Manifest {
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...selectorLabels(component), ...installLabel, ...labels },
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...body,
  };
}

type Rule = {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
};

/** One right: nothing is granted that is not written here as group, kinds and verbs. */
export const rule = (
  apiGroup: string,
  resources: string[],
  verbs: string[],
  resourceNames?: string[],
): Rule => ({
  apiGroups: [apiGroup],
  resources,
  verbs,
  ...(resourceNames ? { resourceNames } : {}),
});

/** A role and who has it: in one namespace, or in the cluster where none is given. */
export function grant(
  component: Component,
  {
    name,
    namespace,
    rules,
    account,
  }: { name: string; namespace?: string; rules: Rule[]; account: { name: string; namespace: string } },
): Manifest[] {
  const kind = namespace === undefined ? "ClusterRole" : "Role";
  const at = { name, component, ...(namespace === undefined ? {} : { namespace }) };
  return [
    manifest("rbac.authorization.k8s.io/v1", kind, at, { rules }),
    manifest("rbac.authorization.k8s.io/v1", `${kind}Binding`, at, {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    }),
  ];
}

export const securityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;

/** What all our pods have alike; it passes the restricted Pod Security standard. */
export function podTemplate(
  values: InstallValues,
  component: Component,
  { annotations = {}, ...spec }: { annotations?: Record<string, string> } & Record<string, unknown>,
): Record<string, unknown> {
  const allAnnotations = { ...values.podAnnotations, ...annotations };
  return {
    metadata: {
      // Ours last: a label that selects a pod cannot be overwritten by a value.
      labels: { ...values.podLabels, ...selectorLabels(component), ...installLabel },
      ...(Object.keys(allAnnotations).length > 0 ? { annotations: allAnnotations } : {}),
    },
    spec: {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        fsGroup: 65_532,
        // Else every start would open files that were made for their owner alone to the group.
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      nodeSelector: values.nodeSelector,
      ...(values.tolerations.length > 0 ? { tolerations: values.tolerations } : {}),
      ...(values.imagePullSecrets.length > 0
        ? { imagePullSecrets: values.imagePullSecrets.map((secret) => ({ name: secret })) }
        : {}),
      ...spec,
    },
  };
}
