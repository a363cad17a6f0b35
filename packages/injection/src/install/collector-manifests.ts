import { issuedCertificate } from "./cert-manager.ts";
import { elasticsearchPart, elasticsearchVolume } from "./elasticsearch.ts";
import {
  grant,
  type Manifest,
  manifest,
  podTemplate,
  rule,
  securityContext,
  selectorLabels,
} from "./manifest.ts";
import type { InstallValues } from "./values.ts";

const component = "collector";
export const collectorName = "locum-collector";
export const collectorPort = 8470;
const dataDir = "/var/lib/locum";

/** The collector, where there is a service for it. Its tokens are made by itself, on its own volume. */
export function collectorManifests(values: InstallValues): Manifest[] {
  const { namespace, collector, certificates } = values;
  if (!collector.enabled) return [];
  const at = { name: collectorName, namespace, component } as const;
  return [
    manifest("v1", "ServiceAccount", at, { automountServiceAccountToken: false }),
    ...rights(values),
    ...(certificates === "cert-manager"
      ? [issuedCertificate(component, { name: collectorName, namespace, secretName: collector.tlsSecret })]
      : []),
    ...(collector.services.length > 0
      ? [manifest("v1", "ConfigMap", at, { data: serviceFiles(values) })]
      : []),
    manifest("v1", "Service", at, {
      spec: {
        selector: selectorLabels(component),
        ports: [{ name: "https", port: collectorPort, targetPort: "https", protocol: "TCP" }],
      },
    }),
    statefulSet(values),
  ];
}

/** Checks tokens, reads pods where it is told to, and writes to them only what a value switched on; nothing more. */
function rights({ namespace, collector }: InstallValues): Manifest[] {
  const account = { name: collectorName, namespace };
  const tokens = rule("authentication.k8s.io", ["tokenreviews"], ["create"]);
  const pods = (promotion: boolean) => [
    rule("", ["pods"], ["get", "list", "watch", ...(promotion || collector.deletionCost ? ["patch"] : [])]),
    ...(collector.heal === "evict" ? [rule("", ["pods/eviction"], ["create"])] : []),
    rule("events.k8s.io", ["events"], ["create"]),
  ];
  if (collector.namespaces.length === 0)
    return grant(component, { name: collectorName, account, rules: [tokens, ...pods(collector.promotion)] });
  return [
    ...grant(component, { name: collectorName, account, rules: [tokens] }),
    ...collector.namespaces.flatMap(({ name, promotion }) =>
      grant(component, { name: collectorName, namespace: name, account, rules: pods(promotion) }),
    ),
  ];
}

const fileOf = (index: number): string => `service-${index}.json`;

const serviceFiles = ({ collector }: InstallValues): Record<string, string> =>
  Object.fromEntries(collector.services.map((service, index) => [fileOf(index), JSON.stringify(service)]));

/** The process's own part: what LOCUM_COLLECTOR holds. Its token file is made by itself, on its own volume. */
function ownPart(values: InstallValues): object {
  const { collector, inject } = values;
  const { namespaces, promotion, deletionCost, heal } = collector;
  return {
    listen: `0.0.0.0:${collectorPort}`,
    dataDir,
    tokenFile: `${dataDir}/tokens.json`,
    tls: { cert: "/etc/locum/tls/tls.crt", key: "/etc/locum/tls/tls.key" },
    kubernetes: {
      namespaces: namespaces.map(({ name }) => name),
      approvers: inject.approvers,
      promotion: namespaces.length === 0 ? promotion : promotedOf(namespaces),
      deletionCost,
      heal,
      ...(inject.collector ? { audience: inject.collector.audience } : {}),
    },
    ...elasticsearchPart(values),
  };
}

/** Where the roles below grant it, and nowhere else: all, none, or the names. */
function promotedOf(namespaces: InstallValues["collector"]["namespaces"]): boolean | string[] {
  const names = namespaces.filter(({ promotion }) => promotion).map(({ name }) => name);
  return names.length === namespaces.length || (names.length > 0 && names);
}

function statefulSet(values: InstallValues): Manifest {
  const { namespace, collector } = values;
  const { size, className } = collector.storage;
  return manifest(
    "apps/v1",
    "StatefulSet",
    { name: collectorName, namespace, component },
    {
      spec: {
        serviceName: collectorName,
        replicas: collector.replicas,
        revisionHistoryLimit: 3,
        selector: { matchLabels: selectorLabels(component) },
        // The audit log outlives the set that wrote it.
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        template: podTemplate(values, component, {
          serviceAccountName: collectorName,
          automountServiceAccountToken: true,
          terminationGracePeriodSeconds: 60,
          ...(collector.priorityClassName ? { priorityClassName: collector.priorityClassName } : {}),
          containers: [container(values)],
          volumes: [
            ...(collector.services.length > 0
              ? [{ name: "services", configMap: { name: collectorName } }]
              : []),
            { name: "tls", secret: { secretName: collector.tlsSecret, defaultMode: 0o440 } },
            ...elasticsearchVolume(values).volumes,
          ],
        }),
        volumeClaimTemplates: [
          {
            metadata: { name: "data", labels: selectorLabels(component) },
            spec: {
              accessModes: ["ReadWriteOnce"],
              ...(className ? { storageClassName: className } : {}),
              resources: { requests: { storage: size } },
            },
          },
        ],
      },
    },
  );
}

function container(values: InstallValues): Record<string, unknown> {
  const { collector, images, imagePullPolicy } = values;
  const hasFiles = collector.services.length > 0;
  const probe = (path: string) => ({ httpGet: { path, port: "https", scheme: "HTTPS" } });
  return {
    name: component,
    image: images.collector,
    ...(imagePullPolicy ? { imagePullPolicy } : {}),
    ...(hasFiles
      ? {
          args: collector.services.flatMap((_, index) => [
            "--config",
            `/etc/locum/services/${fileOf(index)}`,
          ]),
        }
      : {}),
    env: [{ name: "LOCUM_COLLECTOR", value: JSON.stringify(ownPart(values)).replaceAll("$", "$$$$") }],
    ports: [{ name: "https", containerPort: collectorPort, protocol: "TCP" }],
    startupProbe: { ...probe("/livez"), periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: { ...probe("/livez"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, timeoutSeconds: 2 },
    resources: collector.resources,
    securityContext,
    volumeMounts: [
      { name: "data", mountPath: dataDir },
      ...(hasFiles ? [{ name: "services", mountPath: "/etc/locum/services", readOnly: true }] : []),
      { name: "tls", mountPath: "/etc/locum/tls", readOnly: true },
      ...elasticsearchVolume(values).mounts,
    ],
  };
}
