import { webhookNames } from "@locum/injection";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";

const place = { name: webhookNames.webhookConfiguration };
const ours: readonly string[] = [webhookNames.podWebhook.name, webhookNames.namespaceWebhook.name];

/**
 * Makes the API server trust exactly these authorities for our webhooks; writes only where it does not yet. By
 * server-side apply, so that nothing else in the object is ours; by force, for whoever else sets a caBundle there (a
 * rendered chart, a person) would lock every labelled pod out. Idempotent.
 * @returns "absent" where the registration is not there, or has none of our webhooks
 * @throws Fault, as a Kubernetes call does
 */
export async function publishBundle(
  kubernetes: Pick<Kubernetes, "get" | "apply">,
  authorities: string,
): Promise<"kept" | "written" | "absent"> {
  const found = await kubernetes.get(resources.mutatingWebhooks, place);
  const webhooks = webhooksIn(found).filter(({ name }) => ours.includes(name));
  if (webhooks.length === 0) return "absent";
  const caBundle = Buffer.from(authorities).toString("base64");
  if (webhooks.every(({ clientConfig }) => clientConfig?.caBundle === caBundle)) return "kept";
  await kubernetes.apply(
    resources.mutatingWebhooks,
    place,
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: place,
      // Only those that are there: another name here would be a new webhook, without its rules.
      webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle } })),
    },
    { fieldManager: webhookNames.fieldManager, force: true },
  );
  return "written";
}

type Webhook = { name: string; clientConfig?: { caBundle?: string } };
const webhooksIn = (found: { [field: string]: unknown } | null): Webhook[] =>
  Array.isArray(found?.webhooks) ? (found.webhooks as Webhook[]) : [];
