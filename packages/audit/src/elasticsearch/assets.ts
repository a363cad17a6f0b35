import { type AuditStream, auditStreams } from "@locum/contracts";
import { ecsVersion } from "./kind-ecs.ts";
import { ilmPolicy, ismPolicy, streamLifecycle } from "./lifecycle.ts";
import { askedFacts, mappedFields } from "./mapped-fields.ts";
import type { ServerTraits } from "./server-traits.ts";

/** One object that the set-up puts on a server. */
export type Asset = {
  kind: "ilm-policy" | "ism-policy" | "pipeline" | "component-template" | "index-template" | "write-index";
  name: string;
  path: string;
  body: Record<string, unknown>;
  /** The user's: made where it is missing, and never changed. */
  isUsers?: true;
};

/**
 * What a server gets, in the order in which it is put there. Templates of streams come after what they are composed
 * of, and after one template for all of them: from that on no document can make a plain index of a stream's name.
 */
export function assetsFor(traits: ServerTraits): Asset[] {
  const streams = Object.keys(auditStreams) as AuditStream[];
  return [
    ...(traits.lifecycle === "ilm" ? streams.map(ilmPolicy) : []),
    ...(traits.lifecycle === "ism" ? streams.map(ismPolicy) : []),
    ...(traits.ingest ? [pipeline(traits)] : []),
    component("locum@settings", { settings: settingsFor(traits) }),
    component("locum@ecs", { mappings: mappingsFor(traits) }),
    { ...component("locum@custom", {}), isUsers: true },
    indexTemplate({ name: "locum", patterns: ["logs-locum.*-*"], priority: 240, template: {} }),
    ...streams.map((stream) =>
      indexTemplate({
        name: `locum.${stream}`,
        patterns: [`logs-locum.${stream}-*`],
        // Above the 100 of the built-in logs-*-*.
        priority: 250,
        template: templateOf(stream, traits),
      }),
    ),
  ];
}

const meta = { managed_by: "locum", ecs_version: ecsVersion };

const pipelineName = "locum@ingested";

/** Says when a document came in; it changes nothing else, for the rest is proven. */
function pipeline({ family }: ServerTraits): Asset {
  // OpenSearch copies no metadata, and an Elasticsearch without templates would keep the braces as they are.
  const from =
    family === "opensearch" ? { value: "{{{_ingest.timestamp}}}" } : { copy_from: "_ingest.timestamp" };
  return {
    kind: "pipeline",
    name: pipelineName,
    path: `/_ingest/pipeline/${pipelineName}`,
    body: {
      description: "When a document came in. The rest of it is proven, and stays as it is.",
      processors: [{ set: { field: "event.ingested", ...from } }],
    },
  };
}

const component = (name: string, template: Record<string, unknown>): Asset => ({
  kind: "component-template",
  name,
  path: `/_component_template/${name}`,
  body: { template, _meta: meta },
});

function indexTemplate({
  name,
  patterns,
  priority,
  template,
}: {
  name: string;
  patterns: string[];
  priority: number;
  template: Record<string, unknown>;
}): Asset {
  return {
    kind: "index-template",
    name,
    path: `/_index_template/${name}`,
    body: {
      index_patterns: patterns,
      data_stream: {},
      composed_of: ["locum@settings", "locum@ecs", "locum@custom"],
      priority,
      template,
      _meta: meta,
    },
  };
}

function settingsFor({ family, serverless, ingest }: ServerTraits): Record<string, unknown> {
  return {
    index: {
      ...(serverless ? {} : { number_of_shards: 1, auto_expand_replicas: "0-1", codec: "best_compression" }),
      // A source that is put together again from the index is not what was sent.
      ...(family === "elasticsearch" ? { mode: "standard" } : {}),
      ...(ingest ? { default_pipeline: pipelineName } : {}),
      mapping: {
        ignore_malformed: true,
        ...(family === "opensearch" ? { total_fields: { limit: 2000 } } : {}),
      },
    },
  };
}

function templateOf(stream: AuditStream, traits: ServerTraits): Record<string, unknown> {
  return {
    ...(traits.lifecycle === "ilm"
      ? { settings: { index: { lifecycle: { name: `locum.${stream}` } } } }
      : {}),
    ...(traits.lifecycle === "stream" ? { lifecycle: streamLifecycle(stream) } : {}),
    ...(traits.failureStore
      ? {
          data_stream_options: {
            failure_store: { enabled: true, lifecycle: { enabled: true, data_retention: "90d" } },
          },
        }
      : {}),
  };
}

/** Nothing is mapped that is not named here, but the facts. */
function mappingsFor({ family }: ServerTraits): Record<string, unknown> {
  const fields = family === "opensearch" ? openSearchFields() : mappedFields;
  const properties = {};
  for (const [path, field] of Object.entries(fields)) place(properties, path.split("."), field);
  return {
    dynamic: false,
    date_detection: false,
    numeric_detection: false,
    ...(family === "opensearch" ? { dynamic_templates: [factsAsKeywords] } : {}),
    properties,
  };
}

/**
 * The type that OpenSearch has for flattened fields gives the names of Java objects for the values of one key, so there
 * each fact is a field.
 */
function openSearchFields(): Record<string, Record<string, unknown>> {
  const facts = askedFacts.map((name) => [`locum.details.${name}`, factsAsKeywords.facts.mapping]);
  return {
    ...mappedFields,
    "locum.details": { type: "object", dynamic: true, properties: {} },
    ...Object.fromEntries(facts),
  };
}

const factsAsKeywords = {
  facts: {
    path_match: "locum.details.*",
    match_mapping_type: "string",
    mapping: { type: "keyword", ignore_above: 1024 },
  },
};

type Tree = { [name: string]: { properties?: Tree } & Record<string, unknown> };

function place(tree: Tree, [name = "", ...rest]: string[], field: Record<string, unknown>): void {
  if (rest.length === 0) {
    tree[name] = { ...field };
    return;
  }
  const branch = tree[name] ?? { properties: {} };
  tree[name] = branch;
  branch.properties ??= {};
  place(branch.properties, rest, field);
}
