import { AuditSearch } from "@locum/contracts";
import { expect, test } from "vitest";
import { oneAtATime } from "./one-at-a-time.ts";

const question = AuditSearch.parse({});
const answer = { records: [], next: null, aggregations: {} };

test("a turn of the event loop is between two questions, and one that fails holds up none", async () => {
  const seen: string[] = [];
  let asked = 0;
  const ask = oneAtATime({
    search: async () => {
      asked += 1;
      seen.push(`question ${asked}`);
      setImmediate(() => seen.push("a turn"));
      if (asked === 2) throw new Error("no");
      return answer;
    },
  });
  const [first, second, third] = await Promise.allSettled([ask(question), ask(question), ask(question)]);
  expect([first?.status, second?.status, third?.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(seen.slice(0, 5)).toEqual(["question 1", "a turn", "question 2", "a turn", "question 3"]);
});

test("more than can be answered are refused, and those that wait are answered", async () => {
  const ask = oneAtATime({ search: async () => answer });
  const all = await Promise.allSettled(Array.from({ length: 250 }, () => ask(question)));
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(200);
  expect(await ask(question)).toBe(answer);
});
