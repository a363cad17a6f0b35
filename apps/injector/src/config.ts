import { Address, Fault } from "@locum/contracts";
import { parseYaml } from "@locum/contracts/yaml";
import { type InjectConfig, injectConfig, webhookNames } from "@locum/injection";
import { z } from "zod";

const name = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "expected a name of Kubernetes");
const path = z.string().min(1).max(4096);

const InjectorFile = z.strictObject({
  listen: Address.default(`0.0.0.0:${webhookNames.port}`).describe("host:port of the webhook, TLS only"),
  probes: Address.default(`0.0.0.0:${webhookNames.probesPort}`).describe("host:port of probes and metrics"),
  certificates: z
    .enum(["self", "files"])
    .default("self")
    .describe("self: of its own, kept in a Secret; files: somebody else renews them, cert-manager say"),
  certificateDir: path.default(webhookNames.certificateDir).describe("tls.crt and tls.key, with files"),
  namespace: name.optional().describe("of its Service and Secret; else that of its service account"),
  service: name.default(webhookNames.service),
  names: z.array(z.string().min(1).max(253)).max(16).default([]).describe("more names in its certificate"),
  kubeconfig: path.optional().describe("file; else as the service account of its pod"),
  drainSeconds: z.number().int().min(0).max(300).default(5).describe("serves on after its end began"),
  inject: z.unknown().optional().describe("as locum inject --values takes them"),
});

export type InjectorConfig = Omit<z.infer<typeof InjectorFile>, "inject"> & { inject: InjectConfig };

export const injectorFlags = {
  config: { kind: "text", about: "YAML file; without it the text in LOCUM_INJECTOR" },
} as const;

const bytesMax = 1024 * 1024;

/**
 * The whole configuration, from its text; an empty one is all defaults.
 * @throws Fault config-invalid
 */
export function injectorConfig(text: string, { source }: { source: string }): InjectorConfig {
  const document = parseYaml(text, { bytesMax });
  if ("problems" in document) {
    const lines = document.problems.map(
      ({ line, column, expected, found }) =>
        `${source}:${line}:${column}: expected ${expected}, found ${found}`,
    );
    throw invalid(lines.slice(0, 10).join("\n"));
  }
  const parsed = InjectorFile.safeParse(document.value ?? {});
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const { line, column } = document.placeOf(issue.path as (string | number)[], "value");
      return `${source}:${line}:${column}: ${issue.path.join(".") || "the file"}: ${issue.message}`;
    });
    throw invalid(lines.slice(0, 10).join("\n"));
  }
  return { ...parsed.data, inject: injectConfig(parsed.data.inject ?? {}) };
}

const invalid = (message: string): Fault =>
  new Fault("config-invalid", message, {
    hint: "docs/webhook.md has every key and its default.",
  });

/** The names under which the API server may ask: it takes the first, `<service>.<namespace>.svc`. */
export const certificateNames = (
  { service, names }: Pick<InjectorConfig, "service" | "names">,
  namespace: string,
): string[] => [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, ...names];
