import { label } from "./keys.ts";
import { offLimits, webhookNames } from "./webhook-names.ts";

/** How the API server reaches the injector: its Service, or a URL where it runs outside of the cluster. */
export type WebhookTarget = { namespace?: string; service?: string; port?: number } | { url: string };

/**
 * The registration of the injector. It fails closed (`Fail`) for pods that asked for a sidecar, and is not asked for
 * any other: a dead injector delays those and blocks nobody else. Without a caBundle, which the injector (or
 * cert-manager) writes: rendered here, every sync of a chart would take it away again.
 */
export function webhookConfiguration(target: WebhookTarget = {}): Record<string, unknown> {
  const excluded = offLimits("namespace" in target ? target.namespace : undefined);
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: {
      name: webhookNames.webhookConfiguration,
      labels: { "app.kubernetes.io/name": "locum", "app.kubernetes.io/component": "injector" },
    },
    webhooks: [
      webhook(webhookNames.podWebhook, target, {
        namespaceSelector: { matchExpressions: excluded },
        // Not only `enabled`: a value that is wrong is answered with a warning, and not missed silently.
        objectSelector: {
          matchExpressions: [
            { key: label, operator: "Exists" },
            { key: label, operator: "NotIn", values: ["disabled"] },
          ],
        },
      }),
      webhook(webhookNames.namespaceWebhook, target, {
        namespaceSelector: {
          matchLabels: { [webhookNames.namespaceLabel]: "enabled" },
          matchExpressions: excluded,
        },
        objectSelector: { matchExpressions: [{ key: label, operator: "DoesNotExist" }] },
      }),
    ],
  };
}

function webhook(
  { name, path }: { name: string; path: string },
  target: WebhookTarget,
  selectors: { namespaceSelector: object; objectSelector: object },
): Record<string, unknown> {
  return {
    name,
    clientConfig: clientConfig(target, path),
    rules: [
      {
        operations: ["CREATE"],
        apiGroups: [""],
        apiVersions: ["v1"],
        resources: ["pods"],
        scope: "Namespaced",
      },
    ],
    ...selectors,
    // Mutations by others, a mesh say, may come after ours: then we are asked again, and the patch is empty or new.
    reinvocationPolicy: "IfNeeded",
    failurePolicy: "Fail",
    matchPolicy: "Equivalent",
    sideEffects: "None",
    timeoutSeconds: webhookNames.timeoutSeconds,
    admissionReviewVersions: ["v1"],
  };
}

function clientConfig(target: WebhookTarget, path: string): Record<string, unknown> {
  if ("url" in target) return { url: `${target.url}${path}` };
  const {
    namespace = webhookNames.namespace,
    service: name = webhookNames.service,
    port = webhookNames.servicePort,
  } = target;
  return { service: { namespace, name, path, port } };
}
