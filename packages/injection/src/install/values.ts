import { CollectorElasticsearch, Fault, ServiceConfig } from "@locum/contracts";
import { z } from "zod";
import { InjectConfig, injectConfig } from "../config.ts";

const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "expected a DNS label");
const image = InjectConfig.shape.image.unwrap();
const quantity = z.string().regex(/^\d{1,9}(\.\d{1,3})?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/, "expected a quantity");
const resources = z.strictObject({
  requests: z.strictObject({ cpu: quantity, memory: quantity }),
  limits: z.strictObject({ memory: quantity }).describe("no CPU limit: it costs latency and saves nothing"),
});
const texts = z.record(z.string().min(1).max(317), z.string().max(4096));

const Namespace = z.strictObject({
  name,
  promotion: z.boolean().default(false).describe("the collector may move the label locum.dev/role of pods"),
});

/**
 * Everything that one installation can be told, once. deploy/kubernetes/values.schema.json is this as a JSON Schema;
 * `locum install`, the Helm chart and the kustomize base are rendered from it.
 */
export const InstallValues = z.strictObject({
  namespace: name.default("locum-system"),
  images: z
    .strictObject({
      injector: image.default("locum/injector:0.1.0"),
      collector: image.default("locum/collector:0.1.0"),
      sidecar: image.default("locum/sidecar:0.1.0"),
    })
    .prefault({})
    .describe("by digest in production"),
  imagePullPolicy: InjectConfig.shape.imagePullPolicy,
  imagePullSecrets: z.array(name).max(16).default([]),
  admission: z
    .enum(["webhook", "policy"])
    .default("webhook")
    .describe("policy: no injector runs, the API server itself injects (Kubernetes 1.36 or newer)"),
  failurePolicy: z
    .enum(["Fail", "Ignore"])
    .default("Fail")
    .describe("Fail holds back pods that asked for a sidecar, and no others, while none can be given"),
  certificates: z
    .enum(["self", "cert-manager"])
    .default("self")
    .describe("self: the injector keeps its own, and renews them"),
  guard: z
    .enum(["deny", "warn", "off"])
    .default("deny")
    .describe("what becomes of a pod that asked for a sidecar and has none when it is to be stored"),
  inject: z
    .strictObject({
      version: InjectConfig.shape.version,
      native: InjectConfig.shape.native,
      kubeletMin: InjectConfig.shape.kubeletMin,
      approvers: InjectConfig.shape.approvers,
      drainSeconds: InjectConfig.shape.drainSeconds,
      defaults: InjectConfig.shape.defaults,
      collector: InjectConfig.shape.collector,
    })
    .prefault({})
    .describe("what every sidecar is given"),
  injector: z
    .strictObject({
      replicas: z.number().int().min(1).max(16).default(2),
      priorityClassName: z.string().max(253).default("system-cluster-critical"),
      resources: resources.default({
        requests: { cpu: "50m", memory: "96Mi" },
        limits: { memory: "256Mi" },
      }),
    })
    .prefault({}),
  collector: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe("without one each sidecar looks after its own instance only"),
      services: z
        .array(z.record(z.string(), z.json()))
        .max(64)
        .default([])
        .describe("service files, for models outside of the cluster; those inside are found"),
      replicas: z.literal(1).default(1).describe("its store is a file: one at a time"),
      priorityClassName: z.string().max(253).optional(),
      storage: z
        .strictObject({ size: quantity.default("20Gi"), className: z.string().min(1).max(253).optional() })
        .prefault({}),
      tlsSecret: name
        .default("locum-collector-tls")
        .describe("kind kubernetes.io/tls; cert-manager fills it"),
      namespaces: z
        .array(Namespace)
        .max(256)
        .default([])
        .describe(
          "whose pods it may read, each by a Role of its own; of the whole cluster where none is named",
        ),
      promotion: z
        .boolean()
        .default(false)
        .describe("where no namespace is named: it may move the label locum.dev/role of any injected pod"),
      deletionCost: z
        .boolean()
        .default(false)
        .describe("idle pods are scaled away first; needs the right to patch pods, as promotion does"),
      heal: z
        .enum(["off", "evict"])
        .default("off")
        .describe("pods that asked for a sidecar and have none are evicted; needs the right to do so"),
      caConfigMap: name
        .default("locum-ca")
        .describe("in the namespaces of the pods: whom sidecars believe to be the collector"),
      resources: resources.default({
        requests: { cpu: "100m", memory: "256Mi" },
        limits: { memory: "1Gi" },
      }),
    })
    .prefault({}),
  elasticsearch: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }),
      namespace: CollectorElasticsearch.shape.namespace,
      apiKeySecret: name.optional().describe("its api-key may create documents, and nothing else"),
      readApiKeySecret: name.optional().describe("its api-key may read them, to compare and to reconcile"),
      caSecret: name.optional().describe("its ca.crt is the authority of the server's certificate"),
    })
    .nullable()
    .default(null)
    .describe("where the collector copies its audit log to; its network policy opens this port"),
  networkPolicy: z.boolean().default(true),
  clients: z
    .array(name)
    .max(64)
    .default([])
    .describe(
      "namespaces of Prometheus, of an ingress controller and the like: where some are named, network policies let no others but the models' reach API and metrics, and let these read the sidecars' metrics",
    ),
  apiServerPorts: z
    .array(z.number().int().min(1).max(65_535))
    .min(1)
    .max(8)
    .default([443, 6443])
    .describe("of the Service kubernetes and of what stands behind it, for the network policies"),
  podLabels: texts.default({}),
  podAnnotations: texts.default({}),
  nodeSelector: texts.default({ "kubernetes.io/os": "linux" }),
  tolerations: z.array(z.record(z.string(), z.json())).max(32).default([]),
});
export type InstallValues = z.infer<typeof InstallValues>;

/** @throws Fault config-invalid */
export function installValues(input: unknown = {}): InstallValues {
  const parsed = InstallValues.safeParse(input ?? {});
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "values"}: ${message}`);
    throw invalid(lines.slice(0, 10).join("; "));
  }
  const values = parsed.data;
  sidecarConfig(values);
  for (const [index, service] of values.collector.services.entries()) {
    const issue = ServiceConfig.safeParse(service).error?.issues[0];
    if (issue)
      throw invalid(`collector.services.${[index, ...issue.path.map(String)].join(".")}: ${issue.message}`);
  }
  if (
    values.collector.namespaces.length > 0 &&
    new Set(values.collector.namespaces.map(({ name: one }) => one)).size < values.collector.namespaces.length
  )
    throw invalid("collector.namespaces: a namespace is named twice");
  if (
    values.inject.kubeletMin &&
    values.admission === "policy" &&
    Number(values.inject.kubeletMin.slice(2)) < 33
  )
    throw invalid("inject.kubeletMin: a cluster of Kubernetes 1.36 has kubelets from 1.33 on");
  return values;
}

const invalid = (message: string): Fault =>
  new Fault("config-invalid", `values: ${message}`, {
    hint: "deploy/kubernetes/values.schema.json has every key and its default.",
  });

/** What each sidecar of this installation is given: the one input of webhook, command line and policy. */
export function sidecarConfig(values: InstallValues): InjectConfig {
  const { images, imagePullPolicy, inject, collector, namespace } = values;
  const own = collector.enabled
    ? { url: `https://locum-collector.${namespace}.svc:8470`, caConfigMap: collector.caConfigMap }
    : null;
  return injectConfig({
    ...inject,
    collector: inject.collector ?? own,
    image: images.sidecar,
    ...(imagePullPolicy ? { imagePullPolicy } : {}),
  });
}

/** JSON Schema (2020-12) of a values file as people write it. */
export const valuesSchema = (): Record<string, unknown> => ({
  ...z.toJSONSchema(InstallValues, { io: "input" }),
  $id: "https://locum.dev/values.schema.json",
  title: "Locum on Kubernetes",
});
