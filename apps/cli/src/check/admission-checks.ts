import { X509Certificate } from "node:crypto";
import type { KubeObject } from "@locum/runtime/kubernetes";
import { spanText } from "../span-text.ts";
import type { CheckLine } from "./check-groups.ts";
import { isObject, listOf, nameOf, textOf } from "./pod-facts.ts";
import type { ClusterSeen } from "./read-cluster.ts";

const warnMs = 10 * 24 * 3_600_000;

/** Group pod-security: who would be refused, since the namespace enforces what the pod does not keep. */
export function checkPodSecurity({ namespaces, pods }: ClusterSeen): CheckLine[] {
  const group = "pod-security";
  if (namespaces.fault)
    return [
      { group, level: "note", what: "namespaces may not be read", evidence: [namespaces.fault.message] },
    ];
  const enforced = new Map(
    namespaces.items.map(({ metadata }) => [
      metadata.name,
      metadata.labels?.["pod-security.kubernetes.io/enforce"] ?? "privileged",
    ]),
  );
  const onHost = pods.filter(
    ({ hostNetwork, namespace }) => hostNetwork && enforced.get(namespace) !== "privileged",
  );
  if (onHost.length > 0)
    return [
      {
        group,
        level: "bad",
        what: "pods on the node's own network will not be let in again",
        evidence: onHost.map((pod) => `${nameOf(pod)}: ${enforced.get(pod.namespace)}`).slice(0, 10),
      },
    ];
  const levels = [...new Set(pods.map(({ namespace }) => namespace))].map(
    (name) => `${name}: ${enforced.get(name) ?? "privileged"}`,
  );
  const evidence = levels.length > 0 ? levels.slice(0, 10) : ["no namespace has injected pods yet"];
  return [{ group, level: "ok", what: "sidecars keep to restricted, which is the strictest", evidence }];
}

/** Group webhook-cert: something injects, it runs, and its certificate is trusted and lasts. */
export function checkWebhook(seen: ClusterSeen, nowMs: number): CheckLine[] {
  const group = "webhook-cert";
  const { webhooks, policies, injectors, secret } = seen;
  if (webhooks.fault)
    return [{ group, level: "note", what: "webhooks may not be read", evidence: [webhooks.fault.message] }];
  const policy = policies.items.find(({ metadata }) => metadata.name.startsWith("locum"));
  const [webhook] = webhooks.items;
  if (!webhook)
    return [
      policy
        ? {
            group,
            level: "ok",
            what: "a policy injects: there is no certificate",
            evidence: [policy.metadata.name],
          }
        : { group, level: "bad", what: "nothing injects", evidence: ["no webhook and no policy of Locum"] },
    ];
  const bundles = listOf(webhook.webhooks).map(({ clientConfig }) =>
    isObject(clientConfig) ? (textOf(clientConfig.caBundle) ?? "") : "",
  );
  return [
    injectorLine(injectors.items[0]),
    bundles.length === 0 || bundles.some((bundle) => bundle === "")
      ? { group, level: "bad", what: "the webhook trusts nobody yet", evidence: ["its caBundle is empty"] }
      : { group, level: "ok", what: "the webhook is registered", evidence: [`${bundles.length} rules`] },
    ...(secret.fault
      ? [
          {
            group,
            level: "note",
            what: "the certificate may not be read",
            evidence: [secret.fault.message],
          } as const,
        ]
      : [certificateLine(secret.items[0], bundles, nowMs)]),
  ];
}

function injectorLine(deployment: KubeObject | undefined): CheckLine {
  const group = "webhook-cert";
  const status = isObject(deployment?.status) ? deployment.status : {};
  const ready = typeof status.readyReplicas === "number" ? status.readyReplicas : 0;
  const wanted =
    isObject(deployment?.spec) && typeof deployment.spec.replicas === "number" ? deployment.spec.replicas : 1;
  const evidence = deployment ? [`${ready} of ${wanted} ready`] : ["no Deployment locum-injector"];
  if (ready === 0) return { group, level: "bad", what: "no injector is ready", evidence };
  return ready < 2
    ? { group, level: "note", what: "one injector is ready: its node's end holds pods back", evidence }
    : { group, level: "ok", what: "injectors are ready", evidence };
}

function certificateLine(
  secret: KubeObject | undefined,
  bundles: readonly string[],
  nowMs: number,
): CheckLine {
  const group = "webhook-cert";
  const data = isObject(secret?.data) ? secret.data : {};
  const pem = Buffer.from(textOf(data["tls.crt"]) ?? "", "base64").toString("utf8");
  try {
    const leaf = new X509Certificate(pem);
    const leftMs = Date.parse(leaf.validTo) - nowMs;
    const evidence = [
      `valid to ${new Date(leaf.validTo).toISOString().slice(0, 10)}, ${spanText(leftMs)} left`,
    ];
    if (!bundles.every((bundle) => isTrusted(leaf, bundle)))
      return {
        group,
        level: "bad",
        what: "the API server does not trust the injector's certificate",
        evidence,
      };
    if (leftMs <= 0) return { group, level: "bad", what: "the certificate has expired", evidence };
    return leftMs < warnMs
      ? { group, level: "note", what: "the certificate ends soon, and was not renewed", evidence }
      : { group, level: "ok", what: "the certificate is trusted and lasts", evidence };
  } catch {
    const evidence = [secret ? "tls.crt is no certificate" : "no Secret locum-injector-tls"];
    return { group, level: "bad", what: "the certificate cannot be read", evidence };
  }
}

function isTrusted(leaf: X509Certificate, bundle: string): boolean {
  const text = Buffer.from(bundle, "base64").toString("utf8");
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.slice(0, 32).some((block) => {
    try {
      const authority = new X509Certificate(block);
      return leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
    } catch {
      return false;
    }
  });
}
