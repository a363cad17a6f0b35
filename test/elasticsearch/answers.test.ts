import { openElasticsearch } from "@locum/audit/elasticsearch";
import { test } from "vitest";
import { families } from "./family.ts";
import { expectSameAnswers } from "./same-answers.ts";
import { startDouble } from "./start-double.ts";

test.for(families)("the double of %s answers questions as SQLite does", async (family) => {
  const double = await startDouble({ family });
  const server = openElasticsearch({ url: double.url });
  await expectSameAnswers(server, { seed: 7, logs: 2, questionsEach: 60 });
  await server.close();
  await double.close();
});
