import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Fault } from "@locum/contracts";
import { type InstallValues, installLabel, label, type Manifest, webhookNames } from "@locum/injection";
import { programOnPath } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";

const run = promisify(execFile);
const days = 397;
const renewDays = 60;

/**
 * The collector's certificate where no cert-manager makes one, and the ConfigMaps by which sidecars know it. A valid
 * one stays as it is, whoever made it; it is renewed by the install or upgrade that finds its last 60 days begun.
 * @throws Fault config-invalid, where one is to be made and openssl is missing
 */
export async function collectorCertificate(
  kubernetes: Kubernetes,
  values: InstallValues,
): Promise<Manifest[]> {
  const { namespace, collector, certificates } = values;
  if (!collector.enabled || certificates !== "self") return [];
  const place = { namespace, name: collector.tlsSecret };
  const found = await kubernetes.get(resources.secrets, place);
  const data = (found?.data ?? {}) as Record<string, string | undefined>;
  const decode = (text: string | undefined) => Buffer.from(text ?? "", "base64").toString("utf8");
  const isFit = found !== null && endsInDays(decode(data["tls.crt"])) > renewDays;
  const made = isFit ? null : await issue(`locum-collector.${namespace}.svc`);
  const known = data["ca.crt"] ? decode(data["ca.crt"]) : decode(data["tls.crt"]);
  // The one before is believed until the next install: Secret and ConfigMaps reach pods a minute apart.
  const authority = made ? made.cert + known : known;
  const names = await namespacesOfModels(kubernetes, values);
  return [...(made ? [secret(values, made)] : []), ...configMaps(values, names, authority)];
}

/**
 * The ConfigMaps by which sidecars know the collector, with the authority that cert-manager has put beside its
 * certificate; waits for that. Of an installation without cert-manager none.
 * @throws Fault upstream-timeout
 */
export async function collectorAuthority(
  kubernetes: Kubernetes,
  values: InstallValues,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<Manifest[]> {
  const { namespace, collector, certificates } = values;
  if (!collector.enabled || certificates !== "cert-manager") return [];
  const names = await namespacesOfModels(kubernetes, values);
  if (names.length === 0) return [];
  const place = { namespace, name: collector.tlsSecret };
  const end = AbortSignal.timeout(seconds * 1000);
  for (;;) {
    const found = await kubernetes.get(resources.secrets, place);
    const text = ((found?.data ?? {}) as Record<string, string | undefined>)["ca.crt"];
    if (text) return configMaps(values, names, Buffer.from(text, "base64").toString("utf8"));
    if (end.aborted)
      throw new Fault(
        "upstream-timeout",
        `cert-manager has not filled ${namespace}/${collector.tlsSecret} within ${seconds} s`,
        { hint: `kubectl -n ${namespace} describe certificate tells what holds it up.` },
      );
    await sleep(500, undefined, { signal });
  }
}

const configMaps = (
  { collector }: InstallValues,
  namespaces: readonly string[],
  authority: string,
): Manifest[] =>
  namespaces.map((namespace) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: collector.caConfigMap, namespace, labels },
    data: { "ca.crt": authority },
  }));

/** Those that are named; where none is, those that ask for sidecars now. */
async function namespacesOfModels(kubernetes: Kubernetes, { collector }: InstallValues): Promise<string[]> {
  if (collector.namespaces.length > 0) return collector.namespaces.map(({ name }) => name);
  const [pods, namespaces] = await Promise.all([
    kubernetes.list(resources.pods, {}, { labelSelector: `${label}=enabled` }),
    kubernetes.list(resources.namespaces, {}, { labelSelector: `${webhookNames.namespaceLabel}=enabled` }),
  ]);
  const found = [
    ...pods.items.flatMap(({ metadata }) => metadata.namespace ?? []),
    ...namespaces.items.map(({ metadata }) => metadata.name),
  ];
  return [...new Set(found)].toSorted();
}

const labels = {
  ...installLabel,
  "app.kubernetes.io/name": "locum",
  "app.kubernetes.io/component": "collector",
};

const secret = ({ namespace, collector }: InstallValues, { cert, key }: Issued): Manifest => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: collector.tlsSecret, namespace, labels },
  type: "kubernetes.io/tls",
  stringData: { "tls.crt": cert, "tls.key": key },
});

function endsInDays(pem: string): number {
  try {
    return (new X509Certificate(pem).validToDate.getTime() - Date.now()) / 86_400_000;
  } catch {
    return -1;
  }
}

type Issued = { cert: string; key: string };

async function issue(name: string): Promise<Issued> {
  if (!(await programOnPath("openssl")))
    throw new Fault("config-invalid", "openssl is missing: the collector's certificate cannot be made", {
      hint: "Install openssl, use certificates: cert-manager, or make the Secret locum-collector-tls (kind kubernetes.io/tls) yourself.",
    });
  const dir = await mkdtemp(join(tmpdir(), "locum-certificate-"));
  try {
    const [cert, key] = [join(dir, "tls.crt"), join(dir, "tls.key")];
    await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", String(days), "-subj", `/CN=${name}`.slice(0, 67), "-keyout", key, "-out", cert],
      ...["-addext", `subjectAltName=DNS:${name},DNS:${name}.cluster.local`],
      ...["-addext", "extendedKeyUsage=serverAuth"],
    ]);
    return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
