import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Elasticsearch } from "../elasticsearch/open-elasticsearch.ts";
import { readBulkAnswer } from "./bulk-outcome.ts";
import { checkSetup } from "./check-setup.ts";
import { lookUp } from "./look-up.ts";
import { responseRow } from "./response-table.ts";

const { signal } = new AbortController();
const stream = "logs-locum.audit-default";
const ids = ["log.0000000000000000", "log.0000000000000001"];

/** Words that the answers are made of, so that much of what is made up is nearly right. */
const word = fc.constantFrom(
  ...ids,
  "create",
  "items",
  "_id",
  "_index",
  "status",
  "error",
  "type",
  "reason",
  stream,
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 6 },
    word,
    fc.constantFrom<unknown>(200, 201, 409, 429, 1e308, -1, null, true, "", "\u0000".repeat(5000)),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(word, tie("any"), { maxKeys: 5 }),
  ),
})).any;
const status = fc.constantFrom(200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 599);
const item = fc.record(
  {
    _id: fc.constantFrom<unknown>(...ids, null),
    _index: value,
    status: fc.oneof(status, value),
    failure_store: value,
    error: value,
  },
  { requiredKeys: [] },
);
const bulk = fc.oneof(
  value,
  fc.record({ items: fc.array(fc.oneof(fc.record({ create: item }), value), { maxLength: 3 }) }),
);

const answering = (answer: () => { status: number; body: unknown }): Elasticsearch => ({
  request: async () => ({ headers: {}, ...answer() }),
  close: async () => {},
});

describe("whatever a server answers", () => {
  test("it acknowledges what it was asked, in order, or nothing", () => {
    fc.assert(
      fc.property(status, bulk, (code, body) => {
        const outcome = readBulkAnswer({ status: code, headers: {}, body }, { ids, stream, isSmall: false });
        if (!Array.isArray(outcome)) {
          expect(["request", "unreadable"]).toContain(outcome.of);
          expect(responseRow(outcome).action).not.toBe("acked");
          return;
        }
        expect(code).toBe(200);
        const { items } = body as { items: { create: { _id: string; status: number } }[] };
        expect(items.map(({ create }) => create._id)).toEqual(ids);
        for (const [index, one] of outcome.entries()) {
          expect(one.reason.length).toBeLessThanOrEqual(500);
          if (responseRow(one).action === "acked") expect(items[index]?.create.status).toBe(201);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("a look-up finds documents of these ids, or is a fault", async () => {
    const hit = fc.record({ _id: fc.oneof(fc.constantFrom(...ids), value), _source: value });
    const found = fc.record({
      timed_out: fc.constantFrom<unknown>(false, false, true, null),
      _shards: fc.constantFrom<unknown>({ failed: 0 }, { failed: 0 }, { failed: 1 }, null),
      hits: fc.oneof(
        value,
        fc.record({ total: fc.constant({ value: 1 }), hits: fc.array(fc.oneof(hit, value)) }),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(found, value), status, async (body, code) => {
        const answers = [{ status: 200, body: { _shards: { failed: 0 } } }];
        const reader = answering(() => answers.shift() ?? { status: code, body });
        try {
          const standing = await lookUp(reader, { stream, ids, signal });
          for (const { id } of standing) expect(ids).toContain(id);
          expect(code).toBe(200);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("a set-up is there, or not, or is a fault", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ status, body: value }), { minLength: 3, maxLength: 3 }),
        async (answers) => {
          const server = answering(() => answers.shift() ?? { status: 500, body: null });
          try {
            const { isReady, detail } = await checkSetup({ server, stream, signal });
            expect(isReady || detail !== "").toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
