import { applySetup, type Elasticsearch, setupPlan } from "@locum/audit/elasticsearch";
import {
  type ElasticsearchAnswer,
  elasticsearchBody,
  openProjection,
  readElasticsearchAnswer,
} from "@locum/audit/projection";
import { type AuditAnswer, type AuditSearch, auditStreamName } from "@locum/contracts";
import fc from "fast-check";
import { expect } from "vitest";
import { chainedLines } from "../evidence/chained-lines.ts";
import { arbitraryEvent, arbitrarySearch } from "../evidence/some-search.ts";
import { putLines } from "./put-lines.ts";

/** What a server answers to generated questions about generated logs, held against the embedded store. */
export async function expectSameAnswers(
  server: Elasticsearch,
  { seed, logs, questionsEach }: { seed: number; logs: number; questionsEach: number },
): Promise<void> {
  await applySetup(server, await setupPlan(server));
  for (let log = 0; log < logs; log++) {
    const lines = chainedLines(fc.sample(arbitraryEvent, { numRuns: 120, seed: seed + log }));
    const projection = openProjection(":memory:");
    projection.add(lines);
    const stream = auditStreamName("audit", `log${log}`);
    await putLines(server, { stream, lines });
    for (const search of fc.sample(arbitrarySearch, { numRuns: questionsEach, seed: seed + log })) {
      let next: AuditAnswer["next"] | undefined;
      // Three pages are enough to see that the places between them are the same.
      for (let page = 0; page < 3 && next !== null; page++) {
        const question: AuditSearch = { ...search, ...(next ? { after: next } : {}) };
        const expected = projection.search(question);
        const answer = await ask(server, { stream, search: question });
        expect.soft(answer, `seed ${seed}, log ${log}: ${JSON.stringify(question)}`).toEqual(expected);
        ({ next } = expected);
      }
    }
    projection.close();
  }
}

/** A refusal is compared as what it is, so that it is read in the difference. */
async function ask(
  server: Elasticsearch,
  { stream, search }: { stream: string; search: AuditSearch },
): Promise<unknown> {
  const { status, body } = await server.request({
    method: "POST",
    path: `/${stream}/_search`,
    body: elasticsearchBody(search),
  });
  return status === 200 ? readElasticsearchAnswer(search, body as ElasticsearchAnswer) : body;
}
