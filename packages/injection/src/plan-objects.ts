import { injectCompose, isCompose, stripCompose } from "./compose.ts";
import type { InjectConfig } from "./config.ts";
import type { TargetView } from "./inject.ts";
import { sourceKey } from "./keys.ts";
import type { DeclineReason, Note } from "./reasons.ts";
import {
  type InPath,
  patchService,
  type SelectingService,
  selectingService,
  stripService,
} from "./service-patch.ts";
import { injectWorkload, isWorkload, stripWorkload } from "./workload.ts";

/** What became of one object of a stream. */
export type Outcome = { apiVersion: string; kind: string; namespace: string | null; name: string } & (
  | { outcome: "injected"; notes: Note[]; target: TargetView | null }
  | { outcome: "declined"; reason: DeclineReason; detail: string }
  | { outcome: "passed" }
);
export type Plan = {
  after: unknown;
  outcomes: Outcome[] /** Where the document's source record goes. */;
  sourcePath: string[] | null;
};
type Obj = Record<string, unknown>;

/**
 * What injection makes of the documents of one input, together: pods first, then the Services that lead to them by
 * number. A document whose `after` is its own value stays as it is.
 */
export function planObjects(values: readonly unknown[], config: InjectConfig): Plan[] {
  const services = values
    .flatMap((value) => objectsIn(value))
    .flatMap(({ object }) => selectingService(object) ?? []);
  const inPath: InPath[] = [];
  const first = values.map((value) =>
    mapObjects(value, (object) => planPods(object, { config, services, inPath })),
  );
  return first.map(({ after, entries }) => {
    const second = mapObjects(after, (object) => {
      const patched = patchService(object, inPath, config.version);
      return patched && { object: patched, outcomes: [{ outcome: "injected", notes: [], target: null }] };
    });
    const merged = entries.map((entry, index) => {
      const later = second.entries[index];
      return later?.changed ? later : entry;
    });
    const path = merged.find(({ changed }) => changed)?.path;
    return {
      after: second.after,
      outcomes: merged.flatMap(({ outcomes }) => outcomes),
      sourcePath: path === undefined ? null : sourcePathIn(path, second.after),
    };
  });
}

/** The documents' values before any injection. */
export const stripObjects = (value: unknown): unknown =>
  mapObjects(value, (object) => {
    const bare = isWorkload(object)
      ? stripWorkload(object)
      : isCompose(object)
        ? stripCompose(object)
        : stripService(object);
    return { object: withoutSource(bare), outcomes: [] };
  }).after;

type Fate =
  | { outcome: "injected"; notes: Note[]; target: TargetView | null }
  | { outcome: "declined"; reason: DeclineReason; detail: string }
  | { outcome: "passed" };
/** What was made of one object; an outcome has its own name where it is about a part of it. */
type Made = { object: Obj; outcomes: (Fate & { name?: string })[] };

function planPods(
  object: Obj,
  { config, services, inPath }: { config: InjectConfig; services: SelectingService[]; inPath: InPath[] },
): Made | null {
  if (isCompose(object)) {
    const { object: made, services: outcomes } = injectCompose(object, config);
    return { object: made, outcomes };
  }
  if (!isWorkload(object)) return null;
  const result = injectWorkload(object, { config, services });
  if (result.kind === "declined")
    return { object, outcomes: [{ outcome: "declined", reason: result.reason, detail: result.detail }] };
  const { target, labels, notes } = result;
  const namespace = (object.metadata as Obj | undefined)?.namespace;
  // A tap that has the model's old number is where Services lead already.
  const isReached = notes.some(({ code }) => code === "port_moved");
  if (target.tapPort !== null && !isReached)
    inPath.push({ labels, namespace, port: target.port, tapPort: target.tapPort });
  return { object: result.object, outcomes: [{ outcome: "injected", notes, target }] };
}

const listDepthMax = 4;
type Found = { path: (string | number)[]; object: Obj };

/** The objects of a document: itself, or the items of a List. */
export function objectsIn(value: unknown, path: (string | number)[] = []): Found[] {
  if (!isObj(value)) return [];
  if (isList(value) && path.length < listDepthMax * 2)
    return (value.items as unknown[]).flatMap((item, index) => objectsIn(item, [...path, "items", index]));
  return [{ path, object: value }];
}

const isList = ({ kind, items }: Obj): boolean =>
  typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);

type Entry = { path: (string | number)[]; changed: boolean; outcomes: Outcome[] };

function mapObjects(
  value: unknown,
  make: (object: Obj) => Made | null,
): { after: unknown; entries: Entry[] } {
  let after = value;
  const entries = objectsIn(value).map(({ path, object }): Entry => {
    const made = make(object);
    const changed = made !== null && made.object !== object;
    if (changed) after = setAt(after, path, made.object);
    const outcomes = made?.outcomes ?? [{ outcome: "passed" as const }];
    return { path, changed, outcomes: outcomes.map((one) => ({ ...nameOf(object), ...one })) };
  });
  return { after, entries };
}

function setAt(value: unknown, path: readonly (string | number)[], object: Obj): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? setAt(item, rest, object) : item));
  return isObj(value) ? { ...value, [key]: setAt(value[key], rest, object) } : value;
}

function nameOf(object: Obj): { apiVersion: string; kind: string; namespace: string | null; name: string } {
  const metadata = isObj(object.metadata) ? object.metadata : {};
  const text = (value: unknown): string | null => (typeof value === "string" ? value.slice(0, 253) : null);
  return {
    apiVersion: text(object.apiVersion) ?? "",
    kind: isCompose(object) ? "Compose" : (text(object.kind) ?? ""),
    namespace: text(metadata.namespace),
    name: text(metadata.name) ?? text(metadata.generateName) ?? text(object.name) ?? "",
  };
}

/** Annotations of the object itself, never those of a template: a comment that moves must not restart pods. */
function sourcePathIn(path: readonly (string | number)[], after: unknown): string[] {
  const object = path.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], after);
  const own = isCompose(object) ? ["x-locum", "source"] : ["metadata", "annotations", sourceKey];
  return [...path.map(String), ...own];
}

function withoutSource(object: Obj): Obj {
  const { metadata } = object;
  if (!isObj(metadata) || !isObj(metadata.annotations) || metadata.annotations[sourceKey] === undefined)
    return object;
  const { [sourceKey]: _source, ...annotations } = metadata.annotations;
  const { annotations: _annotations, ...bare } = metadata;
  return { ...object, metadata: Object.keys(annotations).length > 0 ? { ...bare, annotations } : bare };
}

const isObj = (value: unknown): value is Obj =>
  typeof value === "object" && value !== null && !Array.isArray(value);
