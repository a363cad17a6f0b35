import { type Family, type FamilyTraits, familyTraits } from "./family.ts";
import { type Mapping, mergeMappings, type Source } from "./mapping.ts";
import type { Block } from "./mishap.ts";

/** What is kept of a document: everything, or what a count and a comparison need, for a million of them. */
export type Keep = "source" | "digest";

export type StoredDocument = {
  id: string;
  seq: number | undefined;
  hash: string | undefined;
  source: Source | undefined;
  /** Which one it was of all that came: found by a search once the stream was refreshed after it. */
  arrival: number;
};

export type BackingIndex = {
  name: string;
  documents: Map<string, StoredDocument>;
  /** In the order of their numbers, as far as they are sorted. */
  bySeq: StoredDocument[];
  isSorted: boolean;
  block: Block;
};

export type DataStream = {
  name: string;
  template: string;
  mapping: Mapping;
  /** The last one is written to. */
  indices: BackingIndex[];
  failures: StoredDocument[];
  visible: number;
  refreshedAtMs: number;
};

export type Template = {
  index_patterns: string[];
  data_stream?: Record<string, unknown>;
  priority?: number;
  composed_of?: string[];
  template?: TemplateBody;
} & Record<string, unknown>;
export type TemplateBody = { settings?: Record<string, unknown>; mappings?: Mapping } & Record<
  string,
  unknown
>;

export type Store = {
  family: Family;
  traits: FamilyTraits;
  keep: Keep;
  templates: Map<string, Template>;
  components: Map<string, { template: TemplateBody } & Record<string, unknown>>;
  pipelines: Map<string, unknown>;
  streams: Map<string, DataStream>;
  arrivals: number;
  nowMs(): number;
};

export const openStore = ({ family, keep, nowMs }: Pick<Store, "family" | "keep" | "nowMs">): Store => ({
  family,
  traits: familyTraits[family],
  keep,
  templates: new Map(),
  components: new Map(),
  pipelines: new Map(),
  streams: new Map(),
  arrivals: 0,
  nowMs,
});

/** The stream of this name, made by its template where one makes streams of such a name. */
export function streamFor(store: Store, name: string): DataStream | undefined {
  const found = store.streams.get(name);
  if (found) return found;
  const [templateName, template] = templateFor(store, name) ?? [];
  if (!templateName || !template?.data_stream) return undefined;
  const bodies = [
    ...(template.composed_of ?? []).map((part) => store.components.get(part)?.template ?? {}),
    template.template ?? {},
  ];
  const stream: DataStream = {
    name,
    template: templateName,
    mapping: {
      ...mergeMappings(bodies.map(({ mappings = {} }) => mappings)),
      ignoreMalformed: bodies.some(
        ({ settings }) => settingOf(settings, "index.mapping.ignore_malformed") === "true",
      ),
    },
    indices: [],
    failures: [],
    visible: 0,
    refreshedAtMs: store.nowMs(),
  };
  store.streams.set(name, stream);
  rollOver(store, stream);
  return stream;
}

export function templateFor(store: Store, name: string): [string, Template] | undefined {
  return [...store.templates]
    .filter(([, { index_patterns: patterns }]) => patterns.some((pattern) => fits(pattern, name)))
    .sort(([, a], [, b]) => (b.priority ?? 0) - (a.priority ?? 0))[0];
}

export function rollOver(store: Store, stream: DataStream): { from: string | undefined; to: string } {
  const day = new Date(store.nowMs()).toISOString().slice(0, 10).replaceAll("-", ".");
  const from = stream.indices.at(-1)?.name;
  const to = store.traits.backingIndex(stream.name, stream.indices.length + 1, day);
  stream.indices.push({ name: to, documents: new Map(), bySeq: [], isSorted: true, block: "none" });
  return { from, to };
}

export function storeDocument(store: Store, index: BackingIndex, id: string, source: Source): void {
  const document = documentOf(store, id, source);
  index.documents.set(id, document);
  const last = index.bySeq.at(-1);
  if (last && (document.seq ?? -1) < (last.seq ?? -1)) index.isSorted = false;
  index.bySeq.push(document);
}

export function documentOf(store: Store, id: string, source: Source): StoredDocument {
  store.arrivals += 1;
  const { sequence, hash } = (source.event ?? {}) as { sequence?: number; hash?: string };
  return {
    id,
    seq: typeof sequence === "number" ? sequence : undefined,
    hash: typeof hash === "string" ? hash : undefined,
    source: store.keep === "source" ? source : undefined,
    arrival: store.arrivals,
  };
}

/** What a document says, or what is left of it. */
export const sourceOf = ({ id, seq, hash, source }: StoredDocument): Source =>
  source ?? {
    event: { ...(seq === undefined ? {} : { sequence: seq }), ...(hash === undefined ? {} : { hash }) },
    locum: { log: { id: id.slice(0, id.lastIndexOf(".")) } },
  };

export function refresh(store: Store, stream: DataStream): void {
  stream.visible = store.arrivals;
  stream.refreshedAtMs = store.nowMs();
}

/** Whether a name is one of a pattern with stars. */
export const fits = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(name);

/** A setting by its dotted name, however deep its parts stand; `index.` may be left out. */
export function settingOf(settings: Record<string, unknown> | undefined, name: string): string | undefined {
  const flat = flatSettings(settings ?? {});
  const value = flat[name] ?? flat[name.replace(/^index\./, "")];
  return value === undefined ? undefined : String(value);
}

export function flatSettings(settings: Record<string, unknown>, path = ""): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(flatSettings(value as Record<string, unknown>, `${path}${name}.`))
        : [[`${path}${name}`, value]],
    ),
  );
}
