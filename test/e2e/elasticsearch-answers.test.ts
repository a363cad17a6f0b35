import { openElasticsearch } from "@locum/audit/elasticsearch";
import { describe, test } from "vitest";
import { families } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { expectSameAnswers } from "../elasticsearch/same-answers.ts";

const missing = realServersMissing();

/**
 * One language, two engines: whatever is asked, the embedded store and every server give the same records in the same
 * order, the same place of the next page and the same figures, over streams of several indices.
 */
describe.skipIf(missing)(`the same answers from every store${missing ? ` (${missing})` : ""}`, () => {
  test.for(families)("SQLite and a real %s", { timeout: 600_000 }, async (family) => {
    const real = await startRealServer(family);
    const server = openElasticsearch({ url: real.url });
    const seed = Number(process.env.LOCUM_SEED ?? Date.now() % 1_000_000);
    try {
      await expectSameAnswers(server, { seed, logs: 5, questionsEach: 80 });
    } finally {
      await server.close();
      await real.stop();
    }
  });
});
