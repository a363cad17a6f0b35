import { openElasticsearch } from "@locum/audit/elasticsearch";
import { describe, expect, it } from "vitest";
import type { Family } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { until } from "../stack/until.ts";

const missing = realServersMissing();
const families: Family[] = ["elasticsearch-9", "elasticsearch-8", "opensearch-3"];

/** What a newcomer does: set up, run, look, stop, and hold what Elasticsearch has against the log. */
describe.for(families)("a stack with its copy in %s", (family) => {
  it.skipIf(missing !== undefined)(
    `ships everything, and whoever changes a document there is found${missing ? ` (skipped: ${missing})` : ""}`,
    { timeout: 300_000 },
    async () => {
      const real = await startRealServer(family);
      const server = openElasticsearch({ url: real.url });
      let stack: Stack | undefined;
      try {
        stack = await startStack({
          edit: (config) => ({
            ...config,
            collector: {
              ...config.collector,
              elasticsearch: { url: real.url, namespace: "stack", reconcileMs: 10_000 },
            },
          }),
        });
        const { locum, running } = stack;
        const shipping = async () => JSON.parse((await locum.run("audit", "shipping", "--json")).stdout);
        // Nothing was prepared: nothing is sent, for it would make a plain index.
        await until(async () => (await shipping()).problem !== null, { what: "the set-up to be missed" });
        expect(await shipping()).toMatchObject({ acked: 0 });
        await locum.done("audit", "setup", "--elasticsearch", real.url);
        await until(async () => (await shipping()).acked > 0, { what: "documents", withinMs: 60_000 });
        await locum.done("drill", "run", "corrupt-weights", "--target", "a", "--ms", "20000");
        await running.end();

        const verify = (...args: string[]) => locum.run("audit", "verify", "--json", ...args);
        const ofLog = JSON.parse((await verify()).stdout.trim().split("\n").at(-1) ?? "");
        const fromEs = ["--from", "es", "--elasticsearch", real.url, "--namespace", "stack"];
        const whole = await verify(...fromEs);
        expect(whole.code, whole.stderr).toBe(0);
        expect(JSON.parse(whole.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
          records: ofLog.records,
        });

        const documents = await documentsOf(server);
        const [altered, removed] = [documents[4], documents[9]];
        if (!altered || !removed) throw new Error(`${documents.length} documents are too few`);
        const forged = { ...altered.source, event: { ...altered.source.event, reason: "nothing happened" } };
        await overwrite(server, { ...altered, source: forged });
        expect((await verify(...fromEs)).stderr).toContain(`record ${altered.seq} was altered`);
        await overwrite(server, altered);
        await ask(server, { method: "DELETE", path: `/${removed.index}/_doc/${removed.id}` });
        expect((await verify(...fromEs)).stderr).toContain(`record ${removed.seq} is missing`);
        await putIn(server, removed);
        await putIn(server, { ...removed, id: "another" });
        const doubled = await verify(...fromEs);
        expect([doubled.code, doubled.stderr]).toEqual([14, expect.stringContaining("put in")]);
      } finally {
        await stack?.close();
        await server.close();
        await real.stop();
      }
    },
  );
});

type Server = ReturnType<typeof openElasticsearch>;
type Document = { index: string; id: string; seq: number; source: { event: Record<string, unknown> } };

async function documentsOf(server: Server): Promise<Document[]> {
  const { body } = await server.request({
    method: "POST",
    path: "/logs-locum.audit-stack/_search",
    body: { size: 1000, sort: [{ "event.sequence": "asc" }] },
  });
  type Hit = { _index: string; _id: string; _source: { event: { sequence: number } } };
  const { hits } = body as { hits: { hits: Hit[] } };
  return hits.hits.map(({ _index, _id, _source }) => ({
    index: _index,
    id: _id,
    seq: _source.event.sequence,
    source: _source,
  }));
}

/** As somebody with every right does: in the backing index, where a document can be changed that is told apart. */
async function overwrite(server: Server, { index, id, source }: Document): Promise<void> {
  const path = `/${index}/_doc/${id}`;
  const { body } = await server.request({ method: "GET", path });
  const { _seq_no, _primary_term } = body as { _seq_no: number; _primary_term: number };
  const query = { if_seq_no: _seq_no, if_primary_term: _primary_term };
  await ask(server, { method: "PUT", path, query, body: source });
}

const putIn = (server: Server, { id, source }: Document): Promise<void> =>
  ask(server, { method: "PUT", path: `/logs-locum.audit-stack/_create/${id}`, body: source });

async function ask(server: Server, request: Parameters<Server["request"]>[0]): Promise<void> {
  const { status, body } = await server.request({ ...request, query: { ...request.query, refresh: true } });
  expect(status, JSON.stringify(body)).toBeOneOf([200, 201]);
}
