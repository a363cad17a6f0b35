import { Name, nearestWord, PoolClass, Protocol, ServiceConfig } from "@locum/contracts";
import { z } from "zod";
import type { Meta } from "./pod.ts";
import { type Declined, declined } from "./reasons.ts";

export const domain = "locum.dev";
export const label = `${domain}/inject`;
/** Written by injection itself: what was added and overwritten, and where in the text. */
export const statusKey = `${domain}/status`;
export const sourceKey = `${domain}/source`;

const dnsLabel = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "expected a DNS label");
const portNumber = z
  .string()
  .regex(/^\d{1,5}$/, "expected a port, 1 to 65535")
  .transform(Number)
  .refine((port) => port >= 1 && port <= 65_535, "expected a port, 1 to 65535");
/** One field of a cron expression: numbers within its bounds, ranges, lists, steps. */
const cronField = (number: string): string =>
  `(\\*|${number}(-${number})?(,${number}(-${number})?)*)(/[1-9][0-9]?)?`;
const cron = z
  .string()
  .regex(
    new RegExp(
      `^${["[0-5]?[0-9]", "(1?[0-9]|2[0-3])", "([1-9]|[12][0-9]|3[01])", "([1-9]|1[0-2])", "[0-7]"].map(cronField).join(" ")}$`,
    ),
    "expected five fields of cron in numbers: minute hour day-of-month month day-of-week",
  )
  .max(200, "expected at most 200 characters");
const cpu = z
  .string()
  .regex(/^(\d{1,6}m|\d{1,3}(\.\d{1,3})?)$/, "expected a CPU quantity such as 25m or 0.5");
const bytes = z.string().regex(/^\d{1,7}(Ki|Mi|Gi|Ti)$/, "expected a quantity of bytes such as 64Mi");
/** A server of no known protocol needs more than a word; its service file is written by hand. */
const protocols = Protocol.exclude(["http-json"]).options;
const posture = ServiceConfig.shape.posture.unwrap();

/** A word of the design that no sidecar can keep today: it is refused by itself, never taken as the weaker `tap`. */
export const unavailablePosture = "guard";

type Row<T> = {
  /** From the text of an annotation to its value; its messages are what a person reads. */
  type: z.ZodType<T, string>;
  fallback: T;
  values: string;
  /** The default as the reference page shows it; the fallback if absent. */
  shown?: string;
  about: string;
};
const row = <T>(one: Row<T>): Row<T> => one;
const choice = <const T extends string>(options: readonly T[]) =>
  z.enum(options as [T, ...T[]], { error: () => `expected ${options.join(", ")}` }) as unknown as z.ZodType<
    T,
    string
  >;

/**
 * Every annotation that a person may write under `locum.dev/`, once: its type, its default, its meaning. The reference
 * page docs/injection.md and the guard policy come from these rows. An unknown key or a bad value is never ignored.
 */
export const keyTable = {
  posture: row({
    type: choice(posture.options),
    fallback: "watch",
    values: posture.options.join(", "),
    about:
      "`watch`: probes and telemetry, traffic untouched. `tap`: the sidecar is in front of the model's port and answers from a standby where its own model fails.",
  }),
  class: row({
    type: choice(PoolClass.options),
    fallback: "stateless",
    values: PoolClass.options.join(", "),
    about:
      "`stateless`: several actives are harmless, traffic follows the kubelet's probes. `exclusive`: exactly one may be active, traffic follows the label `locum.dev/role`; needs `tap`.",
  }),
  container: row<string | undefined>({
    type: dnsLabel,
    fallback: undefined,
    values: "name",
    shown: "the first whose server is recognised, else the first that is no mesh sidecar",
    about: "The container of the model server.",
  }),
  port: row<number | undefined>({
    type: portNumber,
    fallback: undefined,
    values: "1 to 65535",
    shown: "the server's own, else the first declared one",
    about: "The port on which it serves inference.",
  }),
  protocol: row<Protocol | "auto">({
    type: choice(["auto", ...protocols]),
    fallback: "auto",
    values: ["auto", ...protocols].join(", "),
    about: "What it speaks; `auto`: by the server's image and arguments, else asked at the start.",
  }),
  "port-takeover": row({
    type: choice(["auto", "named", "none"]),
    fallback: "auto",
    values: "auto, named, none",
    about:
      "How the tap comes into the path. `named`: the app's named port is renamed, its name given to the tap. `auto`: the same; where the port has no name a known server is moved to a free port by its own flag or variable, and the tap takes its number; where that is not certain `locum inject` points the Services of the same input at the tap. `none`: you point a Service at the tap's port.",
  }),
  "model-path": row<string | undefined>({
    type: z.string().regex(/^(none|\/[A-Za-z0-9._/@=+,-]{0,1023})$/, "expected an absolute path, or none"),
    fallback: undefined,
    values: "path, none",
    shown: "by the server's arguments, its environment and mounts",
    about: "Folder of the model's files; `none`: bytes are not judged.",
  }),
  "snapshot-volume": row({
    type: z
      .string()
      .regex(
        /^(emptyDir|pvc:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|ephemeral:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/,
        "expected emptyDir, pvc:NAME or ephemeral:CLASS",
      ),
    fallback: "emptyDir",
    values: "emptyDir, pvc:NAME, ephemeral:CLASS",
    about: "Where snapshots are kept. An emptyDir outlives restarts of containers, not the pod.",
  }),
  "snapshot-size": row({
    type: bytes,
    fallback: "10Gi",
    values: "bytes",
    about: "Limit of the emptyDir, request of the ephemeral volume.",
  }),
  "snapshot-keep": row({
    type: z
      .string()
      .regex(/^([1-9]\d?|100)$/, "expected 1 to 100")
      .transform(Number),
    fallback: 2,
    values: "1 to 100",
    about: "Generations of displaced files that are kept.",
  }),
  "snapshot-schedule": row({
    type: cron,
    fallback: "*/15 * * * *",
    values: "cron, five fields in numbers",
    about:
      "With `on-source-failure: use-snapshot`: when the copies on the snapshot volume are hashed again, and made anew where they are damaged or missing. In UTC.",
  }),
  "on-source-failure": row({
    type: choice(["fail", "use-snapshot"]),
    fallback: "fail",
    values: "fail, use-snapshot",
    about:
      "`use-snapshot`: verified copies of proven releases are kept on the snapshot volume, which has to be a `pvc:NAME`; a model folder that is empty or lacks files is filled from there before the sidecar answers its startup probe, so that the pod starts while the model's source is away.",
  }),
  "on-agent-overload": row({
    type: choice(["open", "closed"]),
    fallback: "open",
    values: "open, closed",
    about:
      "`open`: what the sidecar cannot judge passes. `closed`: it is refused, where wrong is worse than absent.",
  }),
  "rewrite-probes": row({
    type: choice(["auto", "none", "readiness", "all"]),
    fallback: "auto",
    values: "auto, none, readiness, all",
    about:
      "Probes of the model's container that the sidecar asks in the kubelet's place, adding what it knows itself. `auto`: readiness in tap, none in watch. `all`: liveness too, which stays the model's own word; then a dead sidecar lets the kubelet restart the model. exec probes are left alone.",
  }),
  "native-sidecar": row<"auto" | "always" | "never" | undefined>({
    type: choice(["auto", "always", "never"]),
    fallback: undefined,
    values: "auto, always, never",
    shown: "as the cluster's configuration says (auto)",
    about:
      "`auto`: an init container that stays (restartPolicy Always) where every kubelet is 1.33 or newer, else an ordinary container that the model waits for.",
  }),
  "cpu-request": row({ type: cpu, fallback: "25m", values: "CPU", about: "Request of the sidecar." }),
  "memory-request": row({ type: bytes, fallback: "64Mi", values: "bytes", about: "Request of the sidecar." }),
  "memory-limit": row({ type: bytes, fallback: "192Mi", values: "bytes", about: "Limit of the sidecar." }),
  "cpu-limit": row<string | undefined>({
    type: cpu,
    fallback: undefined,
    values: "CPU",
    shown: "none",
    about: "Limit of the sidecar. In tap it costs tail latency: leave it out.",
  }),
  group: row<string | undefined>({
    type: Name as z.ZodType<string, string>,
    fallback: undefined,
    values: "name",
    shown: "name of the owner",
    about: "The service that this instance belongs to.",
  }),
  role: row<"active" | "standby" | undefined>({
    type: choice(["active", "standby"]),
    fallback: undefined,
    values: "active, standby",
    shown: "active; standby where the class is exclusive",
    about:
      "Role at the first start. Of an exclusive service all pods of a template start as standbys, and one is promoted.",
  }),
  rev: row({ type: dnsLabel, fallback: "default", values: "name", about: "Revision of the sidecar." }),
  "tap-port": row({ type: portNumber, fallback: 8471, values: "1 to 65535", about: "Port of the tap." }),
  "control-port": row({
    type: portNumber,
    fallback: 8472,
    values: "1 to 65535",
    about: "Port of the sidecar's own probes, status and metrics.",
  }),
} as const;

export type Key = keyof typeof keyTable;
export type Keys = { [K in Key]: (typeof keyTable)[K] extends Row<infer T> ? T : never };

const names = Object.keys(keyTable) as Key[];
const isKey = (name: string): name is Key => Object.hasOwn(keyTable, name);

/** The values of one pod: its annotations, over the cluster's defaults, over those of the table. */
export function readKeys(meta: Meta, defaults: Readonly<Record<string, string>> = {}): Keys | Declined {
  const misplaced = wrongLevel(meta);
  if (misplaced) return misplaced;
  const given: Record<string, string> = { ...defaults };
  for (const [full, text] of Object.entries(meta.annotations ?? {})) {
    if (!full.startsWith(`${domain}/`) || full === statusKey || full === sourceKey) continue;
    const name = full.slice(domain.length + 1);
    if (!isKey(name)) return unknownKey("annotation", full, name);
    given[name] = text;
  }
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const text = given[name];
    if (text === undefined) {
      values[name] = keyTable[name].fallback;
      continue;
    }
    if (name === "posture" && text === unavailablePosture)
      return declined("guard_unavailable", `annotation ${domain}/posture: ${unavailablePosture}`);
    const parsed = keyTable[name].type.safeParse(text);
    if (!parsed.success) {
      const expected = parsed.error.issues[0]?.message ?? "another value";
      return declined("bad_value", `annotation ${domain}/${name}: ${expected}, found ${shorten(text)}`);
    }
    values[name] = parsed.data;
  }
  const keys = values as Keys;
  return relations(keys) ?? keys;
}

function wrongLevel({ labels, annotations }: Meta): Declined | null {
  if (annotations?.[label] !== undefined)
    return declined("wrong_level_label", `${label} is a label; it was found among the annotations`);
  for (const full of Object.keys(labels ?? {})) {
    if (!full.startsWith(`${domain}/`) || full === label) continue;
    const name = full.slice(domain.length + 1);
    if (isKey(name))
      return declined("wrong_level_label", `${full} is an annotation; it was found among the labels`);
    return unknownKey("label", full, name);
  }
  return null;
}

function unknownKey(level: "annotation" | "label", full: string, name: string): Declined {
  const near = nearestWord(name, level === "label" ? ["inject"] : names);
  return declined(
    "unknown_key",
    `${level} ${shorten(full)} is not known${near ? `; did you mean ${domain}/${near}?` : ""}`,
  );
}

function relations(keys: Keys): Declined | null {
  if (keys.class === "exclusive" && keys.posture === "watch")
    return declined("bad_value", `annotation ${domain}/posture: expected tap, for an exclusive service`);
  if (keys["on-source-failure"] === "use-snapshot" && !keys["snapshot-volume"].startsWith("pvc:"))
    return declined(
      "bad_value",
      `annotation ${domain}/snapshot-volume: expected pvc:NAME, for ${domain}/on-source-failure: use-snapshot; any other ends with the pod`,
    );
  if (bytesOf(keys["memory-limit"]) < bytesOf(keys["memory-request"]))
    return declined(
      "bad_value",
      `annotation ${domain}/memory-limit: expected at least the request, ${keys["memory-request"]}`,
    );
  const { "cpu-limit": limit, "cpu-request": request } = keys;
  if (limit !== undefined && coresOf(limit) < coresOf(request))
    return declined("bad_value", `annotation ${domain}/cpu-limit: expected at least the request, ${request}`);
  if (keys["tap-port"] === keys["control-port"])
    return declined("port_collision", `tap and control are both on port ${keys["tap-port"]}`);
  return null;
}

const units: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
const bytesOf = (text: string): number => Number.parseInt(text, 10) * (units[text.slice(-2)] ?? 1);
const coresOf = (text: string): number =>
  text.endsWith("m") ? Number.parseInt(text, 10) / 1000 : Number(text);

const shorten = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
