import { jsonPatch } from "@locum/injection";
import { stringify } from "yaml";
import type { InjectedFile } from "./inject-inputs.ts";

export const outputForms = ["yaml", "json", "patch", "kustomize", "table", "unit"] as const;
export type OutputForm = (typeof outputForms)[number];

/** What stands on standard output, in every form but the table. */
export function renderOutput(form: Exclude<OutputForm, "table">, files: readonly InjectedFile[]): string {
  if (form === "yaml") return joined(files.map(({ after }) => after));
  if (form === "unit") return files.map(({ unit }) => unit?.sidecarUnit ?? "").join("\n");
  const objects = files.flatMap((file) => file.objects).filter(({ after }) => isObject(after));
  if (form === "json") {
    const all = objects.map(({ after }) => after);
    return json(all.length === 1 ? all[0] : { apiVersion: "v1", kind: "List", items: all });
  }
  const patches = objects.flatMap(({ before, after }) => {
    const patch = jsonPatch(before, after);
    return patch.length === 0 ? [] : [{ target: targetOf(after), patch }];
  });
  if (form === "patch") return json(patches);
  return stringify(
    {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      patches: patches.map(({ target, patch }) => ({ target, patch: stringify(patch, { lineWidth: 0 }) })),
    },
    { lineWidth: 0 },
  );
}

/** Files become one stream: where one neither begins nor the one before ends with a marker, one is put between. */
function joined(texts: readonly string[]): string {
  return texts.reduce((stream, text) => {
    if (stream === "" || text === "") return stream + text;
    const open = stream.endsWith("\n") ? stream : `${stream}\n`;
    return /^(\uFEFF)?---/.test(text) ? open + text : `${open}---\n${text}`;
  }, "");
}

function targetOf(object: unknown): Record<string, string> {
  const {
    apiVersion = "",
    kind = "",
    metadata,
  } = object as { apiVersion?: string; kind?: string; metadata?: unknown };
  const { name = "", namespace } = (metadata ?? {}) as { name?: string; namespace?: string };
  const [version = "", group] = apiVersion.split("/").reverse();
  return { ...(group ? { group } : {}), version, kind, name, ...(namespace ? { namespace } : {}) };
}

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
