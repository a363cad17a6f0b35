import type { ServerRequest } from "@locum/audit/elasticsearch";
import { expect } from "vitest";
import type { ContractCase } from "./contract-case.ts";
import type { Words } from "./words.ts";

/** Templates, and what a stripped server lacks. */
export function templateCases({ stream, traits, elasticsearch, error }: Words): ContractCase[] {
  const template = `${stream}-template`;
  const component = `${stream}@mappings`;
  const mappings = {
    dynamic: false,
    properties: {
      "@timestamp": { type: "date" },
      message: { type: "text" },
      event: {
        properties: {
          sequence: { type: "long" },
          hash: { type: "keyword" },
          action: { type: "keyword" },
          original: { type: "keyword", index: false, doc_values: false },
        },
      },
      locum: { properties: { details: { type: traits.flattenedType } } },
    },
  };
  const templateBody = {
    index_patterns: [stream],
    data_stream: {},
    priority: 500,
    composed_of: [component],
    template: { settings: { number_of_replicas: 0 } },
  };
  const putTemplate = (name: string, body: Record<string, unknown>): ServerRequest => ({
    method: "PUT",
    path: `/_index_template/${name}`,
    body: { index_patterns: [name], data_stream: {}, priority: 501, ...body },
  });

  return [
    {
      name: "the root of a stripped Elasticsearch",
      families: elasticsearch,
      request: { method: "GET", path: "/" },
      answer: { status: 405, body: { status: 405 } },
    },
    {
      name: "the root of OpenSearch",
      families: ["opensearch-3"],
      request: { method: "GET", path: "/" },
      answer: { status: 200, body: { version: { distribution: "opensearch", number: traits.version } } },
    },
    {
      name: "the version by its nodes",
      request: { method: "GET", path: "/_nodes", query: { filter_path: "nodes.*.version" } },
      answer: { status: 200 },
    },
    {
      name: "an index template of a component that is not there",
      request: { method: "PUT", path: `/_index_template/${template}`, body: templateBody },
      answer: { status: 400, body: error("invalid_index_template_exception") },
    },
    {
      name: "a component template",
      request: { method: "PUT", path: `/_component_template/${component}`, body: { template: { mappings } } },
      answer: { status: 200, body: { acknowledged: true } },
    },
    {
      name: "the component template as it is kept",
      request: { method: "GET", path: `/_component_template/${component}` },
      answer: {
        status: 200,
        body: { component_templates: [{ name: component, component_template: { template: { mappings } } }] },
      },
    },
    {
      name: "a component template that is not there",
      request: { method: "GET", path: "/_component_template/locum-never" },
      answer: { status: 404, body: error("resource_not_found_exception") },
    },
    {
      name: "an index template",
      request: { method: "PUT", path: `/_index_template/${template}`, body: templateBody },
      answer: { status: 200, body: { acknowledged: true } },
    },
    {
      name: "an index template that is not there",
      request: { method: "GET", path: "/_index_template/locum-never" },
      answer: { status: 404, body: error("resource_not_found_exception") },
    },
    {
      name: "templates by a pattern",
      request: { method: "GET", path: `/_index_template/*${stream}-t*` },
      answer: {
        status: 200,
        body: {
          index_templates: [
            { name: template, index_template: { index_patterns: [stream], data_stream: {} } },
          ],
        },
      },
    },
    {
      name: "templates by a pattern that fits none",
      request: { method: "GET", path: "/_index_template/locum-never*" },
      answer: { status: 404, body: { index_templates: [] } },
    },
    {
      name: "the component of a template is in use",
      request: { method: "DELETE", path: `/_component_template/${component}` },
      answer: { status: 400, body: error("illegal_argument_exception") },
    },
    {
      name: "a lifecycle that Elasticsearch keeps itself",
      families: elasticsearch,
      request: putTemplate(`${stream}-dsl`, { template: { lifecycle: { data_retention: "7d" } } }),
      answer: { status: 200 },
    },
    {
      name: "a lifecycle that OpenSearch does not know",
      families: ["opensearch-3"],
      request: putTemplate(`${stream}-dsl`, { template: { lifecycle: { data_retention: "7d" } } }),
      answer: { status: 400, body: error("x_content_parse_exception") },
    },
    {
      name: "a failure store",
      families: elasticsearch,
      request: putTemplate(`${stream}-fs`, {
        template: { data_stream_options: { failure_store: { enabled: true } } },
      }),
      answer: { status: 200 },
    },
    {
      name: "a failure store that OpenSearch does not know",
      families: ["opensearch-3"],
      request: putTemplate(`${stream}-fs`, {
        template: { data_stream_options: { failure_store: { enabled: true } } },
      }),
      answer: { status: 400, body: error("x_content_parse_exception") },
    },
    {
      name: "index lifecycle management where it is not installed",
      request: putTemplate(`${stream}-ilm`, { template: { settings: { "index.lifecycle.name": "x" } } }),
      answer: {
        status: 400,
        body: error(
          traits.flattenedType === "flattened" ? "invalid_index_template_exception" : "settings_exception",
        ),
      },
    },
    {
      name: "the other family's flattened type",
      request: putTemplate(`${stream}-flat`, {
        template: {
          mappings: {
            properties: { a: { type: traits.flattenedType === "flattened" ? "flat_object" : "flattened" } },
          },
        },
      }),
      answer: { status: 400, body: error("illegal_argument_exception") },
    },
    {
      name: "policies of index lifecycle management",
      request: { method: "PUT", path: "/_ilm/policy/locum", body: { policy: { phases: {} } } },
      answer: { status: 400, body: { error: expect.stringMatching(/^no handler found/) } },
    },
    {
      name: "API keys without security",
      request: { method: "POST", path: "/_security/api_key", body: { name: "x" } },
      answer: { status: 400, body: { error: expect.stringMatching(/^no handler found/) } },
    },
    {
      name: "an ingest processor that Elasticsearch has not",
      families: elasticsearch,
      request: {
        method: "PUT",
        path: `/_ingest/pipeline/${stream}`,
        body: { processors: [{ set: { field: "a", value: 1 } }] },
      },
      answer: { status: 400, body: error("parse_exception") },
    },
    {
      name: "an ingest pipeline that is not there",
      request: { method: "GET", path: "/_ingest/pipeline/locum-never" },
      answer: { status: 404 },
    },
  ];
}
