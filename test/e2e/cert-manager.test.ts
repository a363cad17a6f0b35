import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { webhookConfiguration, webhookNames } from "@locum/injection";
import { type KubeObject, resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actAsCertManager, type CertManager } from "../kubernetes/cert-manager.ts";
import { writePair } from "../kubernetes/certificate-pair.ts";
import { type InjectorProcess, startInjectorProcess } from "../kubernetes/injector-process.ts";
import { persistentVolume } from "../kubernetes/installed-objects.ts";
import { asks, hasSidecar, somePod } from "../kubernetes/some-workload.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";

const missing = kubernetesMissing();
const minutes = 60_000;
const home = webhookNames.namespace;
const renewals = 5;

describe.skipIf(missing)(`certificates of cert-manager (${missing ?? "real API server"})`, () => {
  let cluster: Cluster;
  let dir: string;
  let locum: LocumCommand;
  let manager: CertManager;
  let injector: InjectorProcess | undefined;
  const act = (...argv: string[]) =>
    locum.done(...argv, "--kubeconfig", cluster.kubeconfig, "--values", join(dir, "values.yaml"));
  const registration = async (name: string = webhookNames.webhookConfiguration) => {
    const found = await cluster.client.get(resources.mutatingWebhooks, { name });
    return found as KubeObject & { webhooks: { clientConfig: { caBundle?: string } }[] };
  };
  const bundles = async (): Promise<string[]> =>
    (await registration()).webhooks.map(({ clientConfig }) =>
      Buffer.from(clientConfig.caBundle ?? "", "base64").toString("utf8"),
    );
  /** Who owns the caBundle of our webhooks, as the API server keeps it. */
  const writers = async (): Promise<string[]> =>
    ((await registration()).metadata.managedFields as { manager: string; fieldsV1: object }[])
      .filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes("f:caBundle"))
      .map(({ manager: name }) => name);

  beforeAll(async () => {
    cluster = await startKubernetes();
    dir = await mkdtemp(join(tmpdir(), "locum-cert-manager-"));
    locum = locumCommand({ dir });
    manager = await actAsCertManager(cluster);
    await cluster.client.create(resources.namespaces, {}, { metadata: { name: "models" } });
    await cluster.run("kubectl", ["create", "-f", "-"], JSON.stringify(persistentVolume));
    const values = {
      certificates: "cert-manager",
      inject: { kubeletMin: "1.36" },
      collector: { namespaces: [{ name: "models" }] },
    };
    await writeFile(join(dir, "values.yaml"), JSON.stringify(values));
  }, 15 * minutes);
  afterAll(async () => {
    await injector?.end();
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  }, 2 * minutes);

  test(
    "installed: the collector's authority is where sidecars look for it, the caBundle is nobody's but cert-manager's",
    async () => {
      const installing = act("install");
      await expect
        .poll(() => manager.issue(home).catch(() => 0), { timeout: minutes, interval: 300 })
        .toBe(3);
      await installing;
      const map = await cluster.client.get(
        { group: "", version: "v1", plural: "configmaps" },
        { namespace: "models", name: "locum-ca" },
      );
      expect(map?.data).toEqual({ "ca.crt": manager.authorities });
      expect(await bundles()).toEqual(["", ""]);
      await manager.injectAuthority(webhookNames.webhookConfiguration);
      expect(await bundles()).toEqual([manager.authorities, manager.authorities]);

      const { stdout } = await locum.run("check", "--json", "--kubeconfig", cluster.kubeconfig);
      const lines = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(
        lines.filter(({ group }) => group === "webhook-cert").map(({ level, what }) => `${level} ${what}`),
      ).toEqual([
        "ok injectors are ready",
        "ok the webhook is registered",
        "ok the certificate is trusted and lasts",
      ]);

      // Neither another upgrade nor its plan takes it away, as a chart that renders it would at every sync.
      expect((await act("upgrade", "--plan")).stdout).toMatch(/^0 to change, \d+ as they should be$/m);
      await act("upgrade");
      expect(await bundles()).toEqual([manager.authorities, manager.authorities]);
      expect(await writers()).toEqual(["cert-manager-cainjector"]);
    },
    4 * minutes,
  );

  test(
    "renewed again and again under load: not one pod is refused, and each certificate is served",
    async () => {
      const files = join(dir, "tls");
      await mkdir(files);
      await writePair(files, await manager.pair());
      // Without a kubeconfig: of the Kubernetes API it asks nothing, and can write no caBundle.
      injector = await startInjectorProcess({
        ...{ certificates: "files", certificateDir: files },
        inject: { kubeletMin: "1.36" },
      });
      await register(injector.url);
      const load = startLoad();
      const admitted = (more: number) => {
        const wanted = load.admitted() + more;
        return expect.poll(load.admitted, { timeout: minutes }).toBeGreaterThanOrEqual(wanted);
      };
      await admitted(20);
      for (let round = 0; round < renewals; round += 1) {
        const next = await manager.pair();
        await writePair(files, next);
        const { fingerprint256 } = new X509Certificate(next.cert);
        await expect.poll(served, { timeout: minutes }).toBe(fingerprint256);
        // Another text of the same authority: the API server shakes hands anew, while pods are being made.
        await manager.injectAuthority(webhookNames.webhookConfiguration);
        await admitted(20);
      }
      expect(await load.end()).toEqual([]);
      expect(await writers()).toEqual(["cert-manager-cainjector"]);
    },
    4 * minutes,
  );

  test(
    "taken out: no key and no certificate is left",
    async () => {
      await locum.done("uninstall", "--kubeconfig", cluster.kubeconfig);
      const left = await cluster.run("kubectl", [
        ...["get", "secrets,certificates.cert-manager.io,issuers.cert-manager.io,configmaps", "-A"],
        ...["-l", "locum.dev/install=locum", "-o", "name"],
      ]);
      expect(left.trim()).toBe("");
      const secrets = await cluster.run("kubectl", ["get", "secrets", "-n", home, "-o", "name"]);
      expect(secrets.trim()).toBe("");
    },
    2 * minutes,
  );

  /** In place of the installed one, whose Service leads nowhere here. */
  async function register(url: string): Promise<void> {
    const name = webhookNames.webhookConfiguration;
    const { annotations } = (await registration()).metadata;
    const given = webhookConfiguration({ url }) as KubeObject;
    await cluster.client.remove(resources.mutatingWebhooks, { name });
    await cluster.client.create(
      resources.mutatingWebhooks,
      {},
      { ...given, metadata: { ...given.metadata, annotations } },
    );
    await manager.injectAuthority(name);
    await expect
      .poll(() => admit().then(hasSidecar, (error: Error) => error.message), { timeout: minutes })
      .toBe(true);
  }
  const admit = (): Promise<KubeObject> =>
    cluster.client.create(
      resources.pods,
      { namespace: "models" },
      somePod("m", { labels: { app: "m", ...asks } }),
      { dryRun: true },
    );
  const served = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const port = Number(new URL(injector?.url ?? "").port);
      const socket = connect({ port, host: "127.0.0.1", ca: manager.authorities }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      }).on("error", reject);
    });

  /** Pods without a pause from four at once, until it is ended; then what went wrong. */
  function startLoad() {
    let isOver = false;
    let count = 0;
    const wrong: string[] = [];
    const workers = [0, 1, 2, 3].map(async () => {
      while (!isOver) {
        try {
          if (hasSidecar(await admit())) count += 1;
          else wrong.push("a pod without its sidecar");
        } catch (error) {
          wrong.push((error as Error).message);
        }
      }
    });
    return {
      admitted: () => count,
      async end(): Promise<string[]> {
        isOver = true;
        await Promise.all(workers);
        return wrong;
      },
    };
  }
});
