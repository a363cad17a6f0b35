import {
  applySetup,
  documentOf,
  type Elasticsearch,
  openElasticsearch,
  setupPlan,
} from "@locum/audit/elasticsearch";
import {
  type ElasticsearchAnswer,
  elasticsearchBody,
  openProjection,
  readElasticsearchAnswer,
} from "@locum/audit/projection";
import { type AuditAnswer, type AuditSearch, auditStreamName } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { families } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { chainedLines } from "../evidence/chained-lines.ts";
import { arbitraryEvent, arbitrarySearch } from "../evidence/some-search.ts";

const missing = realServersMissing();
const logs = 5;
const questionsEach = 80;

/**
 * One language, two engines: whatever is asked, the embedded store and every server give the same records in the same
 * order, the same place of the next page and the same figures, over streams of several indices.
 */
describe.skipIf(missing)(`the same answers from every store${missing ? ` (${missing})` : ""}`, () => {
  test.for(families)("SQLite and a real %s", { timeout: 600_000 }, async (family) => {
    const seed = Number(process.env.LOCUM_SEED ?? Date.now() % 1_000_000);
    const real = await startRealServer(family);
    const server = openElasticsearch({ url: real.url });
    try {
      await applySetup(server, await setupPlan(server));
      for (let log = 0; log < logs; log++) {
        const events = fc.sample(arbitraryEvent, { numRuns: 120, seed: seed + log });
        const lines = chainedLines(events);
        const projection = openProjection(":memory:");
        projection.add(lines);
        const stream = auditStreamName("audit", `log${log}`);
        await put(server, { stream, lines });
        for (const search of fc.sample(arbitrarySearch, { numRuns: questionsEach, seed: seed + log })) {
          const asked = (after?: AuditSearch["after"]) => ({ ...search, ...(after ? { after } : {}) });
          let next: AuditAnswer["next"] | undefined;
          // Three pages are enough to see that the places between them are the same.
          for (let page = 0; page < 3 && next !== null; page++) {
            const question = asked(next);
            const answer = await ask(server, { stream, search: question });
            const expected = projection.search(question);
            expect.soft(answer, `seed ${seed}, log ${log}: ${JSON.stringify(question)}`).toEqual(expected);
            ({ next } = expected);
          }
        }
        projection.close();
      }
    } finally {
      await server.close();
      await real.stop();
    }
  });
});

/** In three indices, as a stream that has rolled over is. */
async function put(
  server: Elasticsearch,
  { stream, lines }: { stream: string; lines: readonly string[] },
): Promise<void> {
  const third = Math.ceil(lines.length / 3);
  for (let from = 0; from < lines.length; from += third) {
    if (from > 0) await server.request({ method: "POST", path: `/${stream}/_rollover` });
    const answer = await server.request({
      method: "POST",
      path: "/_bulk",
      query: { refresh: true },
      lines: lines.slice(from, from + third).flatMap((line) => {
        const { id, text } = documentOf(line, { logId: "log" });
        return [JSON.stringify({ create: { _index: stream, _id: id } }), text];
      }),
    });
    expect(answer).toMatchObject({ status: 200, body: { errors: false } });
  }
}

async function ask(
  server: Elasticsearch,
  { stream, search }: { stream: string; search: AuditSearch },
): Promise<AuditAnswer | unknown> {
  const { status, body } = await server.request({
    method: "POST",
    path: `/${stream}/_search`,
    body: elasticsearchBody(search),
  });
  return status === 200 ? readElasticsearchAnswer(search, body as ElasticsearchAnswer) : body;
}
