import { type AuditStream, auditStreams } from "@locum/contracts";
import type { Asset } from "./assets.ts";

const rollover = { days: 30, gigabytes: 20 };

/** Elasticsearch 9: the stream itself knows how long it keeps its documents. */
export function streamLifecycle(stream: AuditStream): Record<string, unknown> {
  const { days } = auditStreams[stream];
  return { enabled: true, ...(days === null ? {} : { data_retention: `${days}d` }) };
}

/** Elasticsearch 8: a policy beside it. Age counts from the rollover, so nothing goes early. */
export function ilmPolicy(stream: AuditStream): Asset {
  const { days } = auditStreams[stream];
  const name = `locum.${stream}`;
  const rolled = { max_age: `${rollover.days}d`, max_primary_shard_size: `${rollover.gigabytes}gb` };
  return {
    kind: "ilm-policy",
    name,
    path: `/_ilm/policy/${name}`,
    body: {
      policy: {
        phases: {
          hot: { min_age: "0ms", actions: { rollover: rolled } },
          ...(days === null
            ? {}
            : { delete: { min_age: `${days}d`, actions: { delete: { delete_searchable_snapshot: true } } } }),
        },
        _meta: { managed_by: "locum" },
      },
    },
  };
}

/** OpenSearch: the same as states of its index state management. */
export function ismPolicy(stream: AuditStream): Asset {
  const { days } = auditStreams[stream];
  const name = `locum.${stream}`;
  const rolled = {
    rollover: { min_index_age: `${rollover.days}d`, min_primary_shard_size: `${rollover.gigabytes}gb` },
  };
  const gone = days === null ? [] : [{ state_name: "delete", conditions: { min_rollover_age: `${days}d` } }];
  return {
    kind: "ism-policy",
    name,
    path: `/_plugins/_ism/policies/${name}`,
    body: {
      policy: {
        description: "Managed by Locum.",
        default_state: "hot",
        states: [
          { name: "hot", actions: [rolled], transitions: gone },
          ...(days === null ? [] : [{ name: "delete", actions: [{ delete: {} }], transitions: [] }]),
        ],
        ism_template: [{ index_patterns: [`logs-locum.${stream}-*`], priority: 250 }],
      },
    },
  };
}
