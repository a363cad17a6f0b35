import { domain } from "./keys.ts";

/**
 * What the injector and whoever installs it must call alike. The injector writes two objects, each by name: its Secret,
 * and the caBundle of its webhooks, by server-side apply under its own field manager. Nobody else renders either.
 */
export const webhookNames = {
  namespace: "locum-system",
  serviceAccount: "locum-injector",
  /** Its certificate is for `<service>.<namespace>.svc`. */
  service: "locum-injector",
  servicePort: 443,
  /** Of the container: TLS, the API server alone asks it. */
  port: 8443,
  /** Of the container, in the clear: `/livez`, `/readyz` (kubelet) and `/metrics`. */
  probesPort: 8080,
  /** Kind Opaque; holds ca.crt, ca.key, tls.crt and tls.key. The injector makes it and needs get, create and update. */
  secret: "locum-injector-tls",
  /** Where a certificate of cert-manager is mounted, with `certificates: files`: tls.crt and tls.key. */
  certificateDir: "/etc/locum/tls",
  /** Of the MutatingWebhookConfiguration; the injector needs get and patch on this one name. */
  webhookConfiguration: "locum-injector",
  fieldManager: "locum-injector",
  /** For pods that carry the label `locum.dev/inject` themselves. */
  podWebhook: { name: `pods.inject.${domain}`, path: "/inject/v1" },
  /** For pods without it, in a namespace labelled `locum.dev/injection: enabled`. */
  namespaceWebhook: { name: `namespaces.inject.${domain}`, path: "/inject/v1/namespace" },
  namespaceLabel: `${domain}/injection`,
  /** On a namespace, value `disabled`: no webhook of Locum asks there. */
  admissionLabel: `${domain}/admission`,
  /** Seconds; the API server's default of 10 doubles what a hanging injector costs. */
  timeoutSeconds: 5,
} as const;

/** Namespaces that the cluster, or the injector itself, needs in order to come back: nothing of ours asks there. */
export const offLimits = (namespace: string = webhookNames.namespace): object[] => [
  { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", namespace] },
  { key: webhookNames.admissionLabel, operator: "NotIn", values: ["disabled"] },
];
