import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@locum/contracts";
import { installValues, type Manifest, renderInstall } from "@locum/injection";
import { applyRights } from "./apply-rights.ts";
import type { Cluster } from "./start-kubernetes.ts";

const main = fileURLToPath(new URL("../../apps/collector/src/main.ts", import.meta.url));

export type ClusterCollector = {
  url: string;
  client: Client;
  tokenFile: string;
  log(): string;
  stop(): Promise<void>;
};

/**
 * A collector as a process of its own that runs on nothing but the LOCUM_COLLECTOR of an installation with these values,
 * with the rights that such an installation gives it and no others. Only its files and its port are others.
 */
export async function startClusterCollector(
  cluster: Cluster,
  { namespaces, heal = "off" }: { namespaces: string[]; heal?: "off" | "evict" },
): Promise<ClusterCollector> {
  const dir = await mkdtemp(join(tmpdir(), "locum-cluster-collector-"));
  const kubeconfig = join(dir, "kubeconfig");
  const installed = renderInstall(
    installValues({
      collector: {
        namespaces: namespaces.map((name) => ({ name, promotion: true })),
        deletionCost: true,
        heal,
      },
    }),
  );
  await applyRights(cluster, installed, "locum-collector");
  const token = await cluster.run("kubectl", ["create", "token", "locum-collector", "-n", "locum-system"]);
  const admin = await readFile(cluster.kubeconfig, "utf8");
  const user = JSON.stringify([{ name: "c", user: { token: token.trim() } }]);
  await writeFile(
    kubeconfig,
    admin.replace(/^users: .*$/m, `users: ${user}`).replace(/user: \w+\}\}/, "user: c}}"),
  );
  const { tls: _tls, kubernetes, ...given } = collectorPartOf(installed);
  const part = {
    ...given,
    listen: "127.0.0.1:0",
    dataDir: join(dir, "data"),
    tokenFile: join(dir, "tokens.json"),
    kubernetes: { ...kubernetes, kubeconfig },
  };
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: { ...process.env, LOCUM_COLLECTOR: JSON.stringify(part) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr?.on("data", (chunk) => {
    log = `${log}${chunk}`.slice(-100_000);
  });
  const ended = once(child, "exit");
  if (!child.stdout) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url: string };
    const { tokens } = JSON.parse(await readFile(part.tokenFile, "utf8")) as {
      tokens: { role: string; token: string }[];
    };
    return {
      url,
      client: createClient({ baseUrl: url, token: tokens.find(({ role }) => role === "admin")?.token ?? "" }),
      tokenFile: part.tokenFile,
      log: () => log,
      async stop() {
        child.kill("SIGTERM");
        await ended;
        await rm(dir, { recursive: true, force: true });
      },
    };
  }
  throw new Error(`the collector ended: ${log}`);
}

type Part = { tls?: unknown; kubernetes: object; [key: string]: unknown };
type StatefulSet = { template: { spec: { containers: { env: { name: string; value: string }[] }[] } } };

function collectorPartOf(installed: readonly Manifest[]): Part {
  for (const { kind, spec } of installed)
    if (kind === "StatefulSet")
      for (const { env } of (spec as StatefulSet).template.spec.containers)
        for (const { name, value } of env) if (name === "LOCUM_COLLECTOR") return JSON.parse(value) as Part;
  throw new Error("no collector in this installation");
}
