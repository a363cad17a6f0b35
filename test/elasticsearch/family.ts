export const families = ["elasticsearch-9", "elasticsearch-8", "opensearch-3"] as const;
export type Family = (typeof families)[number];

/** In what the servers differ, as the real ones were seen to. `elasticsearch-contract.test.ts` holds this to them. */
export type FamilyTraits = {
  version: string;
  /** Answers to every request carry it. */
  productHeader: readonly [string, string];
  documentError: string;
  busyError: string;
  /** The type of an object whose every value is a keyword. */
  flattenedType: string;
  /** Fields of a template's `template` that the other family does not know. */
  templateFields: readonly string[];
  /** The name of a backing index. */
  backingIndex(stream: string, generation: number, day: string): string;
  requireDataStream: boolean;
  /** Documents that a mapping refuses can go to a failure store instead. */
  failureStore: boolean;
  /** `GET /` and `GET /_data_stream` are there though the server is a stripped one. */
  whole: boolean;
};

const elasticsearch: Omit<FamilyTraits, "version" | "failureStore"> = {
  productHeader: ["x-elastic-product", "Elasticsearch"],
  documentError: "document_parsing_exception",
  busyError: "es_rejected_execution_exception",
  flattenedType: "flattened",
  templateFields: ["settings", "mappings", "aliases", "lifecycle", "data_stream_options"],
  backingIndex: (stream, generation, day) => `.ds-${stream}-${day}-${pad(generation)}`,
  requireDataStream: true,
  whole: false,
};

export const familyTraits: Record<Family, FamilyTraits> = {
  "elasticsearch-9": { ...elasticsearch, version: "9.5.3", failureStore: true },
  "elasticsearch-8": { ...elasticsearch, version: "8.19.21", failureStore: true },
  "opensearch-3": {
    version: "3.8.0",
    productHeader: ["x-opensearch-version", "OpenSearch/3.8.0 (opensearch)"],
    documentError: "mapper_parsing_exception",
    busyError: "rejected_execution_exception",
    flattenedType: "flat_object",
    templateFields: ["settings", "mappings", "aliases"],
    backingIndex: (stream, generation) => `.ds-${stream}-${pad(generation)}`,
    requireDataStream: false,
    failureStore: false,
    whole: true,
  },
};

const pad = (generation: number): string => String(generation).padStart(6, "0");
