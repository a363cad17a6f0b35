import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@locum/contracts";
import type { Cluster } from "./start-kubernetes.ts";

const main = fileURLToPath(new URL("../../apps/collector/src/main.ts", import.meta.url));
const account = "locum-collector";

export type ClusterCollector = {
  url: string;
  client: Client;
  tokenFile: string;
  log(): string;
  stop(): Promise<void>;
};

/**
 * A collector as a process of its own that runs on nothing but LOCUM_COLLECTOR, with the rights of its service account
 * and no others.
 */
export async function startClusterCollector(
  cluster: Cluster,
  { namespaces, ...options }: { namespaces: string[]; heal?: "off" | "evict"; promotion?: boolean },
): Promise<ClusterCollector> {
  const dir = await mkdtemp(join(tmpdir(), "locum-cluster-collector-"));
  const kubeconfig = join(dir, "kubeconfig");
  await grantRights(cluster, namespaces);
  const token = await cluster.run("kubectl", ["create", "token", account, "-n", "default"]);
  const admin = await readFile(cluster.kubeconfig, "utf8");
  const user = JSON.stringify([{ name: "c", user: { token: token.trim() } }]);
  await writeFile(
    kubeconfig,
    admin.replace(/^users: .*$/m, `users: ${user}`).replace(/user: \w+\}\}/, "user: c}}"),
  );
  const part = {
    dataDir: join(dir, "data"),
    tokenFile: join(dir, "tokens.json"),
    kubernetes: { namespaces, kubeconfig, ...options },
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

/** What docs/collector-kubernetes.md says that the collector needs. */
async function grantRights(cluster: Cluster, namespaces: readonly string[]): Promise<void> {
  const subjects = [{ kind: "ServiceAccount", name: account, namespace: "default" }];
  const role = (kind: "ClusterRole" | "Role", namespace: string | undefined, rules: object[]) => [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind,
      metadata: { name: account, ...(namespace ? { namespace } : {}) },
      rules,
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: `${kind}Binding`,
      metadata: { name: account, ...(namespace ? { namespace } : {}) },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: account },
      subjects,
    },
  ];
  const items = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace: "default" } },
    ...role("ClusterRole", undefined, [
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
    ]),
    ...namespaces.flatMap((namespace) =>
      role("Role", namespace, [
        { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "patch"] },
        { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
        { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] },
      ]),
    ),
  ];
  await cluster.run(
    "kubectl",
    ["apply", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  );
}
