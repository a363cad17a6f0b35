import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditRecord, AuditSearch, canonicalJson } from "@locum/contracts";
import { afterAll, describe, expect, test } from "vitest";
import { openAuditLog } from "../audit-log.ts";
import { noRecord, sealRecord } from "../seal-record.ts";
import { createMemoryLogFs } from "../testing/memory-log-fs.ts";
import { someEvent } from "../testing/some-event.ts";
import { catchUp } from "./catch-up.ts";
import { openProjection } from "./projection.ts";
import { wordsOf } from "./words-of.ts";

const folder = mkdtempSync(join(tmpdir(), "locum-projection-"));
afterAll(() => rmSync(folder, { recursive: true }));
const newFile = () => join(folder, `${randomUUID()}.db`);

function chained(events: readonly Parameters<typeof sealRecord>[0][]): AuditRecord[] {
  let link = noRecord;
  return events.map((event) => {
    const record = sealRecord(event, link);
    link = record;
    return record;
  });
}
const linesOf = (records: readonly AuditRecord[]) => records.map(canonicalJson);

describe("words", () => {
  test.each([
    ["Two GOLDENS failed: a_b", ["two", "goldens", "failed", "a", "b"]],
    ["模型A損壞", ["模", "型", "a", "損", "壞"]],
    ["ＡＢＣ", ["abc"]],
    ["--- !", []],
  ])("of %j", (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });
});

async function logOf(count: number) {
  const log = await openAuditLog({ dir: "/log", fs: createMemoryLogFs().fs, segmentBytes: 50_000 });
  await log.append(Array.from({ length: count }, (_, index) => someEvent({ facts: { index } })));
  return log;
}
const all = AuditSearch.parse({ limit: 1000 });

test("a projection follows its log, goes on after reopening, and takes up only what is new", async () => {
  const log = await logOf(700);
  const file = newFile();
  const projection = openProjection(file);
  expect(await catchUp(projection, log)).toBe(700);
  expect(await catchUp(projection, log)).toBe(0);
  projection.close();
  await log.append([someEvent({ reason: "one more" })]);
  const again = openProjection(file);
  expect(again.head().seq).toBe(699);
  expect(await catchUp(again, log)).toBe(1);
  expect(again.search(all).records).toEqual(await log.query({ limit: 1000 }));
  expect([...again.lines()].map(({ line }) => line)).toEqual(linesOf(await log.query({ limit: 1000 })));
  again.close();
});

test("one that is of another log, ahead of it, or no database at all is made anew", async () => {
  const log = await logOf(50);
  const other = await logOf(60);
  await other.append([someEvent({ reason: "another history" })]);
  for (const harm of ["ahead", "noise", "empty"] as const) {
    const file = newFile();
    if (harm === "noise") writeFileSync(file, "this is not a database".repeat(1000));
    if (harm === "empty") writeFileSync(file, "");
    const projection = openProjection(file);
    if (harm === "ahead") expect(await catchUp(projection, other)).toBe(61);
    expect(await catchUp(projection, log)).toBe(50);
    expect(projection.search(all).records).toEqual(await log.query());
    projection.close();
  }
});

test("lines that do not follow are refused, and nothing of them stays", () => {
  const records = chained([someEvent(), someEvent({ reason: "b" }), someEvent({ reason: "c" })]);
  const projection = openProjection(":memory:");
  const [first = "", second = "", third = ""] = linesOf(records);
  expect(() => projection.add([second])).toThrow(expect.objectContaining({ code: "conflict" }));
  projection.add([first]);
  expect(() => projection.add([second, second])).toThrow(expect.objectContaining({ code: "conflict" }));
  projection.add([second, third]);
  expect(projection.search(all).records).toEqual(records);
  projection.close();
});

test("a histogram has so many bars and no more", () => {
  const projection = openProjection(":memory:");
  const events = Array.from({ length: 30_001 }, (_, minute) =>
    someEvent({ at: new Date(minute * 60_000).toISOString() }),
  );
  projection.add(linesOf(chained(events)));
  const ask = (lt: number) =>
    projection.search(
      AuditSearch.parse({
        limit: 0,
        filter: [{ op: "range", field: "at", lt: lt * 60_000 }],
        aggregations: { a: { op: "histogram", intervalMs: 60_000 } },
      }),
    );
  expect(ask(30_000).aggregations.a).toMatchObject({ buckets: { length: 30_000 } });
  expect(() => ask(30_001)).toThrow(expect.objectContaining({ code: "request-invalid" }));
  projection.close();
});

test("a bar is split by its hundred most frequent values", () => {
  const projection = openProjection(":memory:");
  const events = Array.from({ length: 150 }, (_, n) => someEvent({ service: `s${n % 140}` }));
  projection.add(linesOf(chained(events)));
  const { aggregations } = projection.search(
    AuditSearch.parse({
      limit: 0,
      aggregations: { a: { op: "histogram", intervalMs: 3_600_000, by: "service" } },
    }),
  );
  const [bar] = (aggregations.a as { buckets: { count: number; by: { key: string; count: number }[] }[] })
    .buckets;
  expect(bar).toMatchObject({ count: 150, by: { length: 100, 0: { key: "s0", count: 2 } } });
  projection.close();
});

test("a word without an end is many", () => {
  expect(wordsOf("x".repeat(220)).map(({ length }) => length)).toEqual([100, 100, 20]);
});
