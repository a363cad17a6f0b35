import { openElasticsearch } from "@locum/audit/elasticsearch";
import { describe, expect, test } from "vitest";
import { contractCases } from "../elasticsearch/contract-cases.ts";
import { families, familyTraits } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";

const missing = realServersMissing();

describe.skipIf(missing)(`the contract that the double keeps${missing ? ` (${missing})` : ""}`, () => {
  test.for(families)("a real %s keeps it too", { timeout: 300_000 }, async (family) => {
    const real = await startRealServer(family);
    const server = openElasticsearch({ url: real.url });
    try {
      const stream = "logs-locum.contract-test";
      for (const { name, families: of, request, answer } of contractCases({
        stream,
        traits: familyTraits[family],
      }))
        if (of === undefined || of.includes(family))
          expect.soft(await server.request(request), name).toMatchObject(answer);
    } finally {
      await server.close();
      await real.stop();
    }
  });
});
