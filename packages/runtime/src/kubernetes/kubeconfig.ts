import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Fault, isLoopback } from "@locum/contracts";
import { parseYaml } from "@locum/contracts/yaml";
import { z } from "zod";
import type { Access, Credentials } from "./access.ts";

const bytesMax = 4 * 1024 * 1024;

/**
 * As the current context of a kubeconfig file says.
 * @throws Fault config-unreadable | config-invalid
 */
export async function loadKubeconfig(file: string, options: { context?: string } = {}): Promise<Access> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Fault("config-unreadable", `${file} cannot be read`, {
      hint: "Name a kubeconfig file.",
      cause,
    });
  });
  const document = parseYaml(text, { bytesMax });
  if ("problems" in document) {
    const [{ line, expected, found } = { line: 1, expected: "YAML", found: "something else" }] =
      document.problems;
    throw new Fault("config-invalid", `${file}:${line}: expected ${expected}, found ${found}`, { hint });
  }
  return kubeconfigAccess(document.value, { folder: dirname(file), ...options });
}

/**
 * The access of one context of a kubeconfig, given as a value. What it would do by running a program (`exec`,
 * `auth-provider`) or by not looking (`insecure-skip-tls-verify`) is refused: `kubectl proxy` does the former.
 * @throws Fault config-invalid
 */
export function kubeconfigAccess(
  value: unknown,
  { folder = ".", context: asked }: { folder?: string; context?: string } = {},
): Access {
  const parsed = Kubeconfig.safeParse(value);
  const issue = parsed.error?.issues[0];
  if (!parsed.success) throw invalid(`${issue?.path.join(".") || "value"}: ${issue?.message}`);
  const { "current-context": current, contexts, clusters, users } = parsed.data;
  const name = asked ?? current;
  const context = contexts.find((one) => one.name === name)?.context;
  if (!context) throw invalid(`no context ${name ?? "is current"}`);
  const cluster = clusters.find((one) => one.name === context.cluster)?.cluster;
  if (!cluster) throw invalid(`no cluster ${context.cluster}`);
  const user: User = users.find((one) => one.name === context.user)?.user ?? {};
  const server = cluster.server.replace(/\/+$/, "");
  refuse(server, cluster, user);
  const text = async (data: string | undefined, file: string | undefined): Promise<string | undefined> =>
    data === undefined ? file && readFile(resolve(folder, file), "utf8") : decode(data);
  return {
    server,
    namespace: context.namespace,
    credentials: async (): Promise<Credentials> => ({
      ca: await text(cluster["certificate-authority-data"], cluster["certificate-authority"]),
      cert: await text(user["client-certificate-data"], user["client-certificate"]),
      key: await text(user["client-key-data"], user["client-key"]),
      token: user.token ?? (await text(undefined, user.tokenFile))?.trim(),
      serverName: cluster["tls-server-name"],
    }),
  };
}

const hint = "kubectl config view --minify shows what kubectl makes of it.";
const invalid = (message: string): Fault => new Fault("config-invalid", `kubeconfig: ${message}`, { hint });
const decode = (data: string): string => Buffer.from(data, "base64").toString("utf8");

function refuse(server: string, cluster: Cluster, user: User): void {
  const { protocol, hostname } = URL.parse(server) ?? {};
  const isPlain = protocol === "http:" && hostname !== undefined && isLoopback(hostname);
  if (protocol !== "https:" && !isPlain)
    throw invalid(`server: expected an https:// URL, found ${server.slice(0, 80)}`);
  if (cluster["insecure-skip-tls-verify"])
    throw invalid("insecure-skip-tls-verify: expected an authority, found none");
  if (cluster["proxy-url"]) throw invalid("proxy-url: not supported");
  const program = user.exec ? "exec" : user["auth-provider"] ? "auth-provider" : null;
  if (program !== null)
    throw new Fault("config-invalid", `kubeconfig: ${program}: a login program is not run`, {
      hint: "Run kubectl proxy and name a kubeconfig whose server is http://127.0.0.1:8001.",
    });
}

const text = z.string().max(bytesMax);
const Cluster = z.looseObject({
  server: text,
  "certificate-authority": text.optional(),
  "certificate-authority-data": text.optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text.optional(),
  "proxy-url": text.optional(),
});
type Cluster = z.infer<typeof Cluster>;
const User = z.looseObject({
  "client-certificate": text.optional(),
  "client-certificate-data": text.optional(),
  "client-key": text.optional(),
  "client-key-data": text.optional(),
  token: text.optional(),
  tokenFile: text.optional(),
  exec: z.unknown().optional(),
  "auth-provider": z.unknown().optional(),
});
type User = z.input<typeof User>;
const many = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .max(1000)
    .nullish()
    .transform((list) => list ?? []);
const Context = z.looseObject({ cluster: text, user: text.optional(), namespace: text.optional() });
const Kubeconfig = z.looseObject({
  "current-context": text.optional(),
  clusters: many(z.looseObject({ name: text, cluster: Cluster })),
  users: many(z.looseObject({ name: text, user: User.nullish().transform((user) => user ?? {}) })),
  contexts: many(z.looseObject({ name: text, context: Context })),
});
