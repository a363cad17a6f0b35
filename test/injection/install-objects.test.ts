import * as certManager from "@kubernetes-models/cert-manager/cert-manager.io/v1";
import { Collector } from "@locum/contracts";
import {
  type InstallValues,
  injectConfig,
  installValues,
  type Manifest,
  renderInstall,
  sidecarConfig,
} from "@locum/injection";
import * as admission from "kubernetes-models/admissionregistration.k8s.io/v1";
import * as apps from "kubernetes-models/apps/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as rbac from "kubernetes-models/rbac.authorization.k8s.io/v1";
import * as core from "kubernetes-models/v1";
import { describe, expect, test } from "vitest";

type Model = new (object: never) => { validate(): void };
const models: Record<string, Record<string, unknown>> = {
  v1: core,
  "apps/v1": apps,
  "policy/v1": policy,
  "networking.k8s.io/v1": networking,
  "rbac.authorization.k8s.io/v1": rbac,
  "admissionregistration.k8s.io/v1": admission,
  "cert-manager.io/v1": certManager,
};
const cases: Record<string, InstallValues> = {
  default: installValues(),
  policy: installValues({ admission: "policy", inject: { kubeletMin: "1.36" } }),
  "cert-manager": installValues({ certificates: "cert-manager", guard: "warn" }),
  small: installValues({
    collector: { enabled: false },
    guard: "off",
    networkPolicy: false,
    injector: { replicas: 1, priorityClassName: "" },
  }),
  large: installValues({
    namespace: "dr",
    imagePullSecrets: ["registry"],
    collector: {
      namespaces: [{ name: "models", promotion: true }, { name: "batch" }],
      storage: { size: "50Gi", className: "gp3" },
      services: [
        {
          apiVersion: "locum.dev/v1alpha1",
          service: "m",
          instances: [{ id: "a", url: "http://10.0.0.1:8000" }],
        },
      ],
      heal: "evict",
    },
    elasticsearch: {
      url: "https://es.logging:9200",
      namespace: "dr",
      apiKeySecret: "writer",
      readApiKeySecret: "reader",
      caSecret: "authority",
    },
    podLabels: { team: "ml", "app.kubernetes.io/component": "mine" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
  }),
};

describe.each(Object.entries(cases))("%s", (name, values) => {
  const objects = renderInstall(values);

  test("every object is one that Kubernetes, or cert-manager, takes", () => {
    for (const object of objects) {
      const model = models[object.apiVersion]?.[object.kind] as Model | undefined;
      if (!model) throw new Error(`no model of ${object.apiVersion} ${object.kind}`);
      new model(object as never).validate();
    }
  });

  test("each is named once, and marked as this installation's", () => {
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ""}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { metadata } of objects)
      expect(metadata.labels).toMatchObject({ "locum.dev/install": "locum" });
  });

  test("pods: restricted, with requests, without a CPU limit, selected by what they bear", () => {
    for (const { spec } of objects.filter(({ kind }) => ["Deployment", "StatefulSet"].includes(kind))) {
      const { template, selector } = spec as {
        template: { metadata: { labels: object }; spec: Pod };
        selector: { matchLabels: object };
      };
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
      expect(template.spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      for (const container of template.spec.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources.requests).toMatchObject({
          cpu: expect.any(String),
          memory: expect.any(String),
        });
        expect(Object.keys(container.resources.limits)).toEqual(["memory"]);
        expect(container).toHaveProperty("readinessProbe");
      }
    }
  });

  test("the collector takes what it is given, and the injector's sidecars", () => {
    const parts = Object.fromEntries(objects.flatMap(({ spec }) => environmentOf(spec)));
    if (values.collector.enabled)
      expect(Collector.parse(JSON.parse(parts.LOCUM_COLLECTOR ?? ""))).toHaveProperty("kubernetes");
    if (values.admission === "webhook")
      expect(injectConfig(JSON.parse(parts.LOCUM_INJECTOR ?? "").inject)).toEqual(sidecarConfig(values));
  });

  test("no key, certificate or token is rendered", () => {
    const text = JSON.stringify(objects);
    expect(text).not.toMatch(/BEGIN |caBundle|"Secret"/);
    expect(name).toBeTruthy();
  });
});

test("Elasticsearch: each key and authority that is named is a file of its own where the collector looks for it", () => {
  const set = renderInstall(cases.large as InstallValues).find(({ kind }) => kind === "StatefulSet");
  if (!set) throw new Error("no collector");
  const { template } = set.spec as { template: { spec: object } };
  const { volumes, containers } = template.spec as {
    volumes: {
      name: string;
      projected?: { sources: { secret: { name: string; items: { path: string }[] } }[] };
    }[];
    containers: { volumeMounts: { name: string; mountPath: string }[] }[];
  };
  const part = Collector.parse(JSON.parse(Object.fromEntries(environmentOf(set.spec)).LOCUM_COLLECTOR ?? ""));
  const at = containers[0]?.volumeMounts.find(({ name }) => name === "elasticsearch")?.mountPath;
  const sources = volumes.find(({ name }) => name === "elasticsearch")?.projected?.sources ?? [];
  const files = Object.fromEntries(
    sources.flatMap(({ secret }) => secret.items.map(({ path }) => [secret.name, `${at}/${path}`])),
  );
  expect(part.elasticsearch).toMatchObject({
    namespace: "dr",
    apiKeyFile: files.writer,
    readApiKeyFile: files.reader,
    ca: files.authority,
  });
  expect(Object.keys(files)).toEqual(["writer", "reader", "authority"]);
});

describe("cert-manager", () => {
  const objects = renderInstall(cases["cert-manager"] as InstallValues);
  const specOf = (kind: string, name: string) =>
    objects.find((object) => object.kind === kind && object.metadata.name === name)?.spec as Record<
      string,
      Record<string, unknown>
    >;

  test("no field is misspelt: those that cert-manager does not know it would pass over", () => {
    const known: Record<string, string[]> = {
      Issuer: ["ca", "selfSigned"],
      Certificate: [
        ...["commonName", "dnsNames", "duration", "isCA", "issuerRef", "privateKey", "renewBefore"],
        ...["secretName", "secretTemplate", "usages"],
      ],
    };
    const of = (kind: string) => objects.filter((object) => object.kind === kind);
    for (const kind of ["Issuer", "Certificate"])
      for (const { spec } of of(kind))
        expect(known[kind]).toEqual(expect.arrayContaining(Object.keys(spec as object)));
    for (const { spec } of of("Certificate")) {
      const { privateKey, issuerRef } = spec as Record<string, object>;
      expect(Object.keys(privateKey ?? {}).sort()).toEqual(["algorithm", "rotationPolicy", "size"]);
      expect(["group", "kind", "name"]).toEqual(expect.arrayContaining(Object.keys(issuerRef ?? {})));
    }
  });

  test("one authority with a key that stays signs what the parts serve", () => {
    expect(specOf("Certificate", "locum-ca")).toMatchObject({
      isCA: true,
      secretName: "locum-ca",
      privateKey: { rotationPolicy: "Never" },
      issuerRef: { name: "locum-self-signed" },
    });
    expect(specOf("Issuer", "locum-ca")).toEqual({ ca: { secretName: "locum-ca" } });
    for (const name of ["locum-injector", "locum-collector"])
      expect(specOf("Certificate", name)).toMatchObject({
        dnsNames: expect.arrayContaining([`${name}.locum-system.svc`]),
        issuerRef: { kind: "Issuer", name: "locum-ca" },
      });
  });

  test("the injector has its files mounted, a caBundle that others write, and no right and no token", () => {
    const registered = objects.find(({ kind }) => kind === "MutatingWebhookConfiguration");
    expect(registered?.metadata.annotations).toEqual({
      "cert-manager.io/inject-ca-from": "locum-system/locum-injector",
    });
    const { template } = specOf("Deployment", "locum-injector") as { template: { spec: object } };
    expect(template.spec).toMatchObject({
      automountServiceAccountToken: false,
      volumes: [{ name: "tls", secret: { secretName: specOf("Certificate", "locum-injector").secretName } }],
      containers: [{ volumeMounts: [{ name: "tls", mountPath: "/etc/locum/tls", readOnly: true }] }],
    });
    expect(JSON.stringify(template.spec)).toContain('\\"certificates\\":\\"files\\"');
    expect(
      objects.filter(({ kind, metadata }) => /Role/.test(kind) && /injector/.test(metadata.name)),
    ).toEqual([]);
  });
});

function environmentOf(spec: unknown): [string, string][] {
  const { template } = (spec ?? {}) as { template?: { spec: Pod } };
  return (template?.spec.containers ?? []).flatMap(({ env = [] }) =>
    env.map(({ name, value }): [string, string] => [name, value]),
  );
}

type Pod = {
  securityContext: object;
  containers: {
    env?: { name: string; value: string }[];
    securityContext: object;
    resources: { requests: object; limits: object };
  }[];
};
type Rule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };

/** Who may do what where, one line a right. */
function rightsOf(objects: readonly Manifest[]): string[] {
  return objects
    .filter(({ kind }) => kind === "Role" || kind === "ClusterRole")
    .flatMap(({ metadata, rules }) =>
      (rules as Rule[]).map(({ apiGroups, resources, verbs, resourceNames }) =>
        [
          metadata.name.replace("locum-", ""),
          metadata.namespace ?? "*",
          `${apiGroups.join()}/${resources.join()}${resourceNames ? `[${resourceNames.join()}]` : ""}`,
          verbs.join(),
        ].join(" "),
      ),
    )
    .toSorted();
}

test("rights: these and no others", () => {
  expect(rightsOf(renderInstall(cases.default as InstallValues))).toEqual([
    "collector * /pods get,list,watch",
    "collector * authentication.k8s.io/tokenreviews create",
    "collector * events.k8s.io/events create",
    "injector * admissionregistration.k8s.io/mutatingwebhookconfigurations[locum-injector] get,patch",
    "injector locum-system /secrets create",
    "injector locum-system /secrets[locum-injector-tls] get,update",
  ]);
  expect(
    rightsOf(renderInstall(cases.large as InstallValues)).filter((line) => line.startsWith("collector")),
  ).toEqual([
    "collector * authentication.k8s.io/tokenreviews create",
    "collector batch /pods get,list,watch",
    "collector batch /pods/eviction create",
    "collector batch events.k8s.io/events create",
    "collector models /pods get,list,watch,patch",
    "collector models /pods/eviction create",
    "collector models events.k8s.io/events create",
  ]);
  for (const [name, values] of Object.entries(cases))
    expect(rightsOf(renderInstall(values)).join("\n"), name).not.toContain("*,");
  // With a policy there is no injector, and with cert-manager one that has no right at all.
  for (const name of ["policy", "cert-manager"])
    expect(
      rightsOf(renderInstall(cases[name] as InstallValues)).filter((line) => line.startsWith("injector")),
    ).toEqual([]);
});

test("values: a key that is not known, or a value that is wrong, is told by its path", () => {
  const told = (input: unknown): string => {
    try {
      installValues(input);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(told({ admision: "policy" })).toContain("admision");
  expect(told({ injector: { replicas: 0 } })).toContain("injector.replicas");
  expect(told({ inject: { defaults: { posture: "guard" } } })).toContain("posture");
  expect(told({ collector: { services: [{ service: "m" }] } })).toContain("collector.services.0");
  expect(told({ admission: "policy", inject: { kubeletMin: "1.30" } })).toContain("kubeletMin");
  expect(told({ namespace: "Upper" })).toContain("namespace");
});
