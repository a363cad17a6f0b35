import { applySetup, openElasticsearch, setupPlan } from "@locum/audit/elasticsearch";
import { describe, expect, test } from "vitest";
import { contractCases } from "./contract-cases.ts";
import { families, familyTraits } from "./family.ts";
import { expectLeastPrivilege } from "./least-privilege.ts";
import { startDouble } from "./start-double.ts";

describe.each(families)("the double of %s answers as the real server does", (family) => {
  test("every request of the contract", async () => {
    const double = await startDouble({ family });
    const server = openElasticsearch({ url: double.url });
    for (const { name, families: of, request, answer } of contractCases({
      stream: "logs-locum.contract-test",
      traits: familyTraits[family],
    }))
      if (of === undefined || of.includes(family))
        expect(await server.request(request), name).toMatchObject(answer);
    await server.close();
    await double.close();
  });

  test("the set-up, twice", async () => {
    const double = await startDouble({ family });
    const server = openElasticsearch({ url: double.url });
    const first = await setupPlan(server);
    expect(first.version).toBe(familyTraits[family].version);
    expect(await applySetup(server, first)).toEqual({ changed: first.steps.length, same: 0 });
    expect((await setupPlan(server)).steps.filter(({ state }) => state !== "same")).toEqual([]);
    await server.close();
    await double.close();
  });
});

test("the keys of the collector do for its work, and for little else", async () => {
  await using double = await startDouble({ security: true, whole: true });
  await expectLeastPrivilege(double.url);
});
