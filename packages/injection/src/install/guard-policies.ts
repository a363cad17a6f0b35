import { domain, label } from "../keys.ts";
import { containerName } from "../strip.ts";
import { offLimits, webhookNames } from "../webhook-names.ts";
import { literal } from "./cel.ts";
import { annotationsVariable, keyChecks, keysGoodVariable } from "./key-checks.ts";
import { type Manifest, manifest } from "./manifest.ts";
import { beyondExpression } from "./policy-limits.ts";
import type { InstallValues } from "./values.ts";

const api = "admissionregistration.k8s.io/v1";
const component = "admission";
export const guardNames = { keys: "locum-keys", sidecar: "locum-sidecar", level: "locum-level" } as const;

/**
 * What the API server asks by itself, without any pod of ours: keys that would be misread are refused, and a pod that
 * asked for a sidecar does not come into being without one unnoticed.
 */
export function guardPolicies(values: InstallValues): Manifest[] {
  if (values.guard === "off") return [];
  return [
    policy(guardNames.keys, values, {
      variables: [annotationsVariable],
      validations: keyChecks(values.inject.defaults),
    }),
    ...podBindings("Validating", guardNames.keys, values, { validationActions: ["Deny"] }),
    policy(guardNames.sidecar, values, {
      variables: [annotationsVariable, keysGoodVariable(values.inject.defaults)],
      validations: [sidecarThere(values)],
    }),
    ...podBindings("Validating", guardNames.sidecar, values, {
      validationActions: values.guard === "deny" ? ["Deny"] : ["Warn", "Audit"],
    }),
    ...levelPolicy(values),
  ];
}

const podRules = [
  { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" },
];

export const podConstraints = { resourceRules: podRules, matchPolicy: "Equivalent" } as const;

function policy(
  name: string,
  { failurePolicy }: InstallValues,
  { variables, validations }: { variables: object[]; validations: object[] },
): Manifest {
  return manifest(
    api,
    "ValidatingAdmissionPolicy",
    { name, component },
    {
      spec: {
        failurePolicy,
        matchConstraints: podConstraints,
        variables,
        validations,
      },
    },
  );
}

/** Two bindings of one policy, as there are two webhooks: by the pod's own label, and by its namespace's. */
export function podBindings(
  kind: "Validating" | "Mutating",
  policyName: string,
  { namespace }: InstallValues,
  spec: Record<string, unknown> = {},
): Manifest[] {
  const matches = {
    pods: {
      namespaceSelector: { matchExpressions: offLimits(namespace) },
      objectSelector: {
        matchExpressions: [
          { key: label, operator: "Exists" },
          { key: label, operator: "NotIn", values: ["disabled"] },
        ],
      },
    },
    namespaces: {
      namespaceSelector: {
        matchLabels: { [webhookNames.namespaceLabel]: "enabled" },
        matchExpressions: offLimits(namespace),
      },
      objectSelector: { matchExpressions: [{ key: label, operator: "DoesNotExist" }] },
    },
  };
  return Object.entries(matches).map(([suffix, matchResources]) =>
    manifest(
      api,
      `${kind}AdmissionPolicyBinding`,
      { name: `${policyName}-${suffix}`, component },
      {
        spec: { policyName, ...spec, matchResources },
      },
    ),
  );
}

function sidecarThere({ admission, inject }: InstallValues): object {
  const names = "(object.spec.containers + object.spec.?initContainers.orValue([]))";
  const why =
    admission === "policy"
      ? beyondExpression(
          inject.defaults,
          "not_injected: the admission policy does not know its model server, or cannot read its arguments; locum inject, or the webhook, injects all",
        )
      : literal("not_injected: no injector has answered for it; locum explain -f POD tells why");
  return {
    // Of two policies that refuse a pod the API server tells one reason: keys have the better one, and their own policy.
    expression: `!variables.keysGood || ${names}.exists(c, c.name == ${literal(containerName)})`,
    messageExpression: `${literal(`${label} asks for a sidecar, and the pod has none. `)} + (object.spec.?hostNetwork.orValue(false) ? "host_network: a pod on the node's own network has no ports to itself" : object.spec.?os.?name.orValue("") == "windows" || object.spec.?nodeSelector[?"kubernetes.io/os"].orValue("") == "windows" ? "windows: the sidecar runs on Linux" : ${why})`,
    reason: "Invalid",
  };
}

/** A label on the workload itself reaches no pod: told, and never a reason to refuse a workload that would run. */
function levelPolicy({ failurePolicy, namespace }: InstallValues): Manifest[] {
  const labels = (path: string) => `${path}.?metadata.?labels.orValue({})`;
  const rules = (apiGroup: string, resources: string[]) => ({
    apiGroups: [apiGroup],
    apiVersions: ["v1"],
    operations: ["CREATE", "UPDATE"],
    resources,
    scope: "Namespaced",
  });
  return [
    manifest(
      api,
      "ValidatingAdmissionPolicy",
      { name: guardNames.level, component },
      {
        spec: {
          failurePolicy,
          matchConstraints: {
            matchPolicy: "Equivalent",
            resourceRules: [
              rules("apps", ["deployments", "statefulsets", "daemonsets"]),
              rules("batch", ["jobs", "cronjobs"]),
            ],
          },
          validations: [
            {
              expression: `${literal(label)} in (object.kind == "CronJob" ? ${labels("object.spec.jobTemplate.spec.template")} : ${labels("object.spec.template")})`,
              message: `wrong_level_label: ${domain}/inject is on the workload, not on its pod template (spec.template.metadata.labels): none of its pods gets a sidecar`,
            },
          ],
        },
      },
    ),
    manifest(
      api,
      "ValidatingAdmissionPolicyBinding",
      { name: guardNames.level, component },
      {
        spec: {
          policyName: guardNames.level,
          validationActions: ["Warn", "Audit"],
          matchResources: {
            namespaceSelector: { matchExpressions: offLimits(namespace) },
            objectSelector: { matchLabels: { [label]: "enabled" } },
          },
        },
      },
    ),
  ];
}
