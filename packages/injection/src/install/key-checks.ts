import { z } from "zod";
import { domain, type Key, keyTable, label, sourceKey, statusKey, unavailablePosture } from "../keys.ts";
import { declineReasons } from "../reasons.ts";
import { roleLabel } from "../strip.ts";
import { literal } from "./cel.ts";

export type Check = { expression: string; message: string };

/** The annotations, as a variable of each policy; the checks below ask it. */
export const annotationsVariable = {
  name: "annotations",
  expression: "object.metadata.?annotations.orValue({})",
} as const;

const keys = Object.keys(keyTable) as Key[];

/** Every rule of readKeys() in CEL, from the same table: a pod passes all of them where its keys can be read. */
export function keyChecks(defaults: Readonly<Record<string, string>>): Check[] {
  const text = (key: Key): string => keyText(key, defaults);
  return [
    {
      expression: `!(${literal(label)} in variables.annotations)`,
      message: `wrong_level_label: ${label} is a label; it was found among the annotations`,
    },
    {
      expression: `object.metadata.?labels.orValue({}).all(k, !k.startsWith("${domain}/") || k == ${literal(label)} || (k == ${literal(roleLabel)} && ${literal(statusKey)} in variables.annotations))`,
      message: `wrong_level_label: of the keys under ${domain}/ only ${label} is a label, the others are annotations`,
    },
    {
      expression: `object.metadata.?labels[?${literal(label)}].orValue("enabled") in ["enabled", "disabled"]`,
      message: `bad_value: label ${label}: expected enabled or disabled`,
    },
    {
      expression: `variables.annotations.all(k, !k.startsWith("${domain}/") || k in [${[statusKey, sourceKey, label, ...keys.map((key) => `${domain}/${key}`)].map(literal).join(", ")}])`,
      message: `unknown_key: an annotation under ${domain}/ is not known; there are ${keys.join(", ")}`,
    },
    {
      expression: `variables.annotations[?${literal(`${domain}/posture`)}].orValue("") != ${literal(unavailablePosture)}`,
      message: `guard_unavailable: annotation ${domain}/posture: ${unavailablePosture}; ${declineReasons.guard_unavailable}`,
    },
    ...keys.map((key) => ({
      expression: `!(${literal(`${domain}/${key}`)} in variables.annotations) || ${valueCheck(key, `variables.annotations[${literal(`${domain}/${key}`)}]`)}`,
      message: `bad_value: annotation ${domain}/${key}: expected ${keyTable[key].values}`,
    })),
    {
      expression: `${text("class")} != "exclusive" || ${text("posture")} != "watch"`,
      message: `bad_value: annotation ${domain}/posture: expected tap, for an exclusive service`,
    },
    {
      expression: `${text("on-source-failure")} != "use-snapshot" || ${text("snapshot-volume")}.startsWith("pvc:")`,
      message: `bad_value: annotation ${domain}/snapshot-volume: expected pvc:NAME, for on-source-failure: use-snapshot`,
    },
    {
      expression: `quantity(${text("memory-limit")}).compareTo(quantity(${text("memory-request")})) >= 0`,
      message: `bad_value: annotation ${domain}/memory-limit: expected at least the request`,
    },
    {
      expression: `${text("cpu-limit")} == "" || quantity(${text("cpu-limit")}).compareTo(quantity(${text("cpu-request")})) >= 0`,
      message: `bad_value: annotation ${domain}/cpu-limit: expected at least the request`,
    },
    {
      expression: `int(${text("tap-port")}) != int(${text("control-port")})`,
      message: "port_collision: tap and control are both on one port",
    },
  ];
}

export const keysGoodVariable = (defaults: Readonly<Record<string, string>>) => ({
  name: "keysGood",
  expression: keyChecks(defaults)
    .map(({ expression }) => `(${expression})`)
    .join(" && "),
});

/** The text of a key: the pod's, else the cluster's, else the table's; empty where there is none. */
export const keyText = (key: Key, defaults: Readonly<Record<string, string>>): string =>
  `variables.annotations[?${literal(`${domain}/${key}`)}].orValue(${literal(defaultText(key, defaults))})`;

export const defaultText = (key: Key, defaults: Readonly<Record<string, string>>): string =>
  defaults[key] ?? String(keyTable[key].fallback ?? "");

/** One value's rule, by the JSON Schema of its type. RE2 counts to 1000 and no further: longer texts are counted apart. */
function valueCheck(key: Key, value: string): string {
  const schema = z.toJSONSchema(keyTable[key].type, { io: "input" }) as {
    enum?: string[];
    pattern?: string;
    allOf?: { pattern?: string }[];
    minLength?: number;
    maxLength?: number;
  };
  if (schema.enum) return `${value} in [${schema.enum.map(literal).join(", ")}]`;
  const patterns = [schema.pattern, ...(schema.allOf ?? []).map(({ pattern }) => pattern)].filter(
    (pattern) => pattern !== undefined,
  );
  const rules = patterns.map((pattern) => `${value}.matches(${literal(pattern.replace("{0,1023}", "*"))})`);
  if (patterns.some((pattern) => pattern.includes("{0,1023}"))) rules.push(`size(${value}) <= 1024`);
  if (schema.maxLength !== undefined) rules.push(`size(${value}) <= ${schema.maxLength}`);
  if (schema.minLength !== undefined) rules.push(`size(${value}) >= ${schema.minLength}`);
  if (patterns.includes("^\\d{1,5}$")) rules.push(`int(${value}) >= 1`, `int(${value}) <= 65535`);
  return `(${rules.join(" && ")})`;
}
