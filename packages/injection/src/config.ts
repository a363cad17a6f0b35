import { Approver, Fault } from "@locum/contracts";
import { z } from "zod";
import { readKeys } from "./keys.ts";

/** What a cluster decides for all its pods. The webhook, the CLI and the policies take the same values. */
export const InjectConfig = z.strictObject({
  image: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$/)
    .default("locum/sidecar:0.1.0")
    .describe("image of the sidecar, by digest in production"),
  imagePullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional(),
  version: z.string().min(1).max(64).default("0.1.0").describe("kept in each pod's locum.dev/status"),
  collector: z
    .strictObject({
      url: z.url({ protocol: /^https$/ }).describe("https:// URL of the collector"),
      audience: z.string().min(1).max(253).default("locum.dev-collector"),
      tokenSeconds: z.number().int().min(600).max(86_400).default(3600),
      caConfigMap: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/)
        .optional()
        .describe("ConfigMap in the pod's namespace that holds the authority as ca.crt"),
    })
    .nullable()
    .default(null)
    .describe("without one each sidecar looks after its own instance only"),
  approvers: z
    .array(Approver)
    .max(64)
    .default([])
    .describe("whose signatures make a release one that a sidecar may put back"),
  native: z.enum(["auto", "always", "never"]).default("auto"),
  kubeletMin: z
    .string()
    .regex(/^1\.\d{1,3}$/)
    .optional()
    .describe("version of the oldest kubelet; where it is not known, ordinary containers are used"),
  namespaceInject: z
    .boolean()
    .default(false)
    .describe("the namespace is labelled locum.dev/injection: enabled; the pod's own label wins"),
  drainSeconds: z
    .number()
    .int()
    .min(0)
    .max(300)
    .default(5)
    .describe("the tap serves on after its pod's end began"),
  defaults: z.record(z.string(), z.string()).default({}).describe("keys without locum.dev/, for all pods"),
});
export type InjectConfig = z.infer<typeof InjectConfig>;

/** @throws Fault config-invalid */
export function injectConfig(input: unknown = {}): InjectConfig {
  const parsed = InjectConfig.safeParse(input);
  const issue = parsed.error?.issues[0];
  if (issue)
    throw new Fault("config-invalid", `injection: ${issue.path.join(".") || "value"}: ${issue.message}`);
  const config = parsed.data as InjectConfig;
  const annotations = Object.fromEntries(
    Object.entries(config.defaults).map(([name, text]) => [`locum.dev/${name}`, text]),
  );
  const keys = readKeys({ annotations });
  if ("kind" in keys) throw new Fault("config-invalid", `injection: defaults: ${keys.detail}`);
  return config;
}
