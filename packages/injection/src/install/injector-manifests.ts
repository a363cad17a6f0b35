import { webhookConfiguration } from "../webhook-configuration.ts";
import { webhookNames } from "../webhook-names.ts";
import { issuedCertificate } from "./cert-manager.ts";
import {
  grant,
  type Manifest,
  manifest,
  podTemplate,
  rule,
  securityContext,
  selectorLabels,
} from "./manifest.ts";
import { type InstallValues, sidecarConfig } from "./values.ts";

const component = "injector";
const { service, serviceAccount, secret, webhookConfiguration: registration } = webhookNames;

/** The webhook and all that it needs; nothing of it with `admission: policy`. */
export function injectorManifests(values: InstallValues): Manifest[] {
  const { namespace, certificates } = values;
  const at = { name: service, namespace, component } as const;
  return [
    manifest(
      "v1",
      "ServiceAccount",
      { ...at, name: serviceAccount },
      { automountServiceAccountToken: false },
    ),
    // cert-manager makes the certificate and writes the caBundle: then the injector needs no right at all.
    ...(certificates === "self"
      ? ownCertificate(namespace)
      : [issuedCertificate(component, { name: service, namespace, secretName: secret })]),
    manifest("v1", "Service", at, {
      spec: {
        selector: selectorLabels(component),
        ports: [{ name: "https", port: webhookNames.servicePort, targetPort: "https", protocol: "TCP" }],
      },
    }),
    manifest("policy/v1", "PodDisruptionBudget", at, {
      spec: {
        maxUnavailable: 1,
        // A pod that is not ready guards nothing: it must not hold up the draining of its node.
        unhealthyPodEvictionPolicy: "AlwaysAllow",
        selector: { matchLabels: selectorLabels(component) },
      },
    }),
    deployment(values),
    registered(values),
  ];
}

/** Its own Secret and the caBundle of its own webhooks. `create` cannot be bound to a name: Kubernetes has no such rule. */
function ownCertificate(namespace: string): Manifest[] {
  const account = { name: serviceAccount, namespace };
  return [
    ...grant(component, {
      name: serviceAccount,
      namespace,
      account,
      rules: [rule("", ["secrets"], ["get", "update"], [secret]), rule("", ["secrets"], ["create"])],
    }),
    ...grant(component, {
      name: serviceAccount,
      account,
      rules: [
        rule(
          "admissionregistration.k8s.io",
          ["mutatingwebhookconfigurations"],
          ["get", "patch"],
          [registration],
        ),
      ],
    }),
  ];
}

function registered({ namespace, certificates, failurePolicy }: InstallValues): Manifest {
  const made = webhookConfiguration({ namespace }) as Manifest & { webhooks: object[] };
  return {
    ...manifest(made.apiVersion, made.kind, {
      name: made.metadata.name,
      component,
      ...(certificates === "cert-manager"
        ? { annotations: { "cert-manager.io/inject-ca-from": `${namespace}/${service}` } }
        : {}),
    }),
    webhooks: made.webhooks.map((webhook) => ({ ...webhook, failurePolicy })),
  };
}

function deployment(values: InstallValues): Manifest {
  const { namespace, injector } = values;
  const matchLabels = selectorLabels(component);
  return manifest(
    "apps/v1",
    "Deployment",
    { name: service, namespace, component },
    {
      spec: {
        replicas: injector.replicas,
        revisionHistoryLimit: 3,
        selector: { matchLabels },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: podTemplate(values, component, {
          serviceAccountName: serviceAccount,
          // The account itself mounts nothing; this pod alone asks for its token.
          automountServiceAccountToken: values.certificates === "self",
          ...(injector.priorityClassName === "" ? {} : { priorityClassName: injector.priorityClassName }),
          topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(
            (topologyKey) => ({
              maxSkew: 1,
              topologyKey,
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels },
            }),
          ),
          containers: [container(values)],
          ...(values.certificates === "cert-manager"
            ? { volumes: [{ name: "tls", secret: { secretName: secret, defaultMode: 0o440 } }] }
            : {}),
        }),
      },
    },
  );
}

function container(values: InstallValues): Record<string, unknown> {
  const isSelf = values.certificates === "self";
  const config = {
    certificates: isSelf ? "self" : "files",
    namespace: values.namespace,
    inject: sidecarConfig(values),
  };
  const probe = (path: string) => ({ httpGet: { path, port: "probes" } });
  return {
    name: component,
    image: values.images.injector,
    ...(values.imagePullPolicy ? { imagePullPolicy: values.imagePullPolicy } : {}),
    // In the template itself, so that another value is another rollout.
    env: [{ name: "LOCUM_INJECTOR", value: JSON.stringify(config).replaceAll("$", "$$$$") }],
    ports: [
      { name: "https", containerPort: webhookNames.port, protocol: "TCP" },
      { name: "probes", containerPort: webhookNames.probesPort, protocol: "TCP" },
    ],
    startupProbe: { ...probe("/livez"), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...probe("/livez"), periodSeconds: 10, timeoutSeconds: 5 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, timeoutSeconds: 2 },
    resources: values.injector.resources,
    securityContext,
    ...(isSelf
      ? {}
      : { volumeMounts: [{ name: "tls", mountPath: webhookNames.certificateDir, readOnly: true }] }),
  };
}
