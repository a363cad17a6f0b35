import { domain, sourceKey, statusKey } from "./keys.ts";
import { type Container, copy, type Meta, type PodSpec } from "./pod.ts";
import type { Note } from "./reasons.ts";
import { type Original, readStatus, type Status } from "./status.ts";

export const containerName = "locum-sidecar";
export const volumeNames = ["locum-state", "locum-snapshots", "locum-token"] as const;
export const defaultContainerKey = "kubectl.kubernetes.io/default-container";
export const roleLabel = `${domain}/role`;

export type Stripped = { pod: PodSpec; meta: Meta; wasInjected: boolean; notes: Note[] };

/**
 * The pod as it was before any version of Locum injected it: what `locum.dev/status` names is removed, what it kept is
 * put back. Where the status is gone or unreadable, our names are removed and a note says that originals are lost.
 * Neither argument is changed.
 */
export function strip(pod: PodSpec, meta: Meta): Stripped {
  const status = readStatus(meta);
  const bare: Stripped = {
    pod: copy(pod),
    meta: copy(meta),
    wasInjected: false,
    notes: [],
  };
  if (status === null && !hasOurs(pod)) {
    if (meta.annotations?.[sourceKey] !== undefined) removeKeys(bare.meta, "annotations", [sourceKey]);
    return bare;
  }
  const undo = typeof status === "object" && status !== null ? status : residue;
  if (undo === residue)
    bare.notes.push({
      code: "status_unreadable",
      detail: "the sidecar was removed by its names; fields that it had overwritten stay as they are",
    });
  for (const original of [...undo.originals].reverse()) putBack(bare.pod, original as Original);
  removeNamed(bare.pod, "initContainers", undo.added.containers);
  removeNamed(bare.pod, "containers", undo.added.containers);
  removeNamed(bare.pod, "volumes", undo.added.volumes);
  removeKeys(bare.meta, "labels", undo.added.labels.filter(isOurs));
  removeKeys(bare.meta, "annotations", [...undo.added.annotations.filter(isOurs), statusKey, sourceKey]);
  unmake(bare, undo.made);
  return { ...bare, wasInjected: true };
}

/** A status can be written by anybody who may write the pod: it removes what is named as ours, nothing else. */
const isOurs = (key: string): boolean => key.startsWith(`${domain}/`) || key === defaultContainerKey;
const isOurName = (name: string): boolean => name.startsWith("locum-");

const residue: Pick<Status, "originals" | "added" | "made"> = {
  originals: [],
  added: { containers: [containerName], volumes: [...volumeNames], annotations: [], labels: [] },
  made: {},
};

const hasOurs = ({ containers, initContainers }: PodSpec): boolean =>
  [...(containers ?? []), ...(initContainers ?? [])].some(({ name }) => name === containerName);

type ListName = "initContainers" | "containers" | "volumes";

function removeNamed(pod: PodSpec, list: ListName, names: readonly string[]): void {
  const members: { name: string }[] | undefined = pod[list];
  if (!members) return;
  const kept = members.filter(({ name }) => !(names.includes(name) && isOurName(name)));
  if (kept.length < members.length) pod[list] = kept as Container[];
}

function removeKeys(meta: Meta, map: "labels" | "annotations", keys: readonly string[]): void {
  const entries = meta[map];
  for (const key of keys) if (entries) delete entries[key];
}

/** A list that we made goes when it is empty again; what others put into it since stays. */
function unmake({ pod, meta }: Stripped, made: Status["made"]): void {
  const places: Record<string, Record<string, unknown>> = {
    initContainers: pod,
    volumes: pod,
    annotations: meta,
    labels: meta,
  };
  for (const [name, was] of Object.entries(made)) {
    const owner = places[name];
    const value = owner?.[name];
    if (!owner || typeof value !== "object" || value === null || Object.keys(value).length > 0) continue;
    if (was === "absent") delete owner[name];
    if (was === "null") owner[name] = null;
  }
}

const fields = new Set(["name", "readinessProbe", "livenessProbe", "startupProbe", "lifecycle"]);

function putBack(pod: PodSpec, original: Original): void {
  const { path, was } = original;
  const [list, container, ...rest] = path;
  if (list !== "containers" && list !== "initContainers") return;
  const owner = (pod[list] ?? []).find(({ name }) => name === container);
  if (!owner) return;
  const [first] = rest;
  if (first === "args" || first === "command" || first === "env") {
    putBackText(owner, original);
    return;
  }
  const field = rest.at(-1);
  const place: Record<string, unknown> | undefined =
    rest.length === 1
      ? owner
      : rest.length === 3 && first === "ports"
        ? (owner.ports ?? []).find(
            ({ containerPort, protocol }) => containerPort === rest[1] && protocol !== "UDP",
          )
        : undefined;
  if (!place || typeof field !== "string" || !fields.has(field)) return;
  if (was === undefined) delete place[field];
  else place[field] = copy(was);
}

/** A port in an argument or a variable; and a list that was made for it, once it is empty again. */
function putBackText(owner: Container, { path: [, , list, at], was, now }: Original): void {
  const texts = owner[list as "args" | "command" | "env"];
  if (at === undefined) {
    if (!Array.isArray(texts) || texts.length > 0) return;
    if (was === undefined) delete owner[list as "args"];
    else if (was === null) owner[list as "args"] = null as never;
    return;
  }
  if (!Array.isArray(texts) || now === undefined || !isPortChange(was, now)) return;
  if (list === "env")
    owner.env = (owner.env ?? []).flatMap((one) => {
      if (one.name !== at || one.value !== now) return [one];
      return was === undefined ? [] : [{ ...one, value: was as string }];
    });
  else {
    const words = texts as string[];
    const index = words[Number(at)] === now ? Number(at) : words.indexOf(now);
    if (index >= 0) words.splice(index, 1, ...(was === undefined ? [] : [was as string]));
  }
}

/** What was added is a port, alone or with its flag; what was changed differs in numbers alone. */
function isPortChange(was: unknown, now: string): boolean {
  if (was === undefined) return /^(--?[A-Za-z_-]+=)?\d{4,5}$/.test(now);
  const shape = (text: string): string => text.replace(/\d+/g, "0");
  return typeof was === "string" && shape(was) === shape(now);
}
