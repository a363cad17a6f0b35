import { openProjection } from "@locum/audit/projection";
import { type AuditRecord, type AuditSearch, canonicalJson } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { answerPlainly } from "./answer-plainly.ts";
import { chained } from "./chained-lines.ts";
import { arbitraryEvent, arbitrarySearch } from "./some-search.ts";

test("SQLite answers every question as the plain reading of it does", () => {
  fc.assert(
    fc.property(
      fc.array(arbitraryEvent, { maxLength: 60 }),
      fc.array(arbitrarySearch, { minLength: 1, maxLength: 8 }),
      (events, searches) => {
        const records = chained(events);
        const projection = openProjection(":memory:");
        projection.add(records.map(canonicalJson));
        for (const search of searches) {
          expect(projection.search(search)).toEqual(answerPlainly(search, records));
          // All pages together are the whole.
          const whole = projection.search({ ...search, limit: 1000 }).records;
          const paged: AuditRecord[] = [];
          for (let after: AuditSearch["after"] | null = []; after; ) {
            const { records: page, next } = projection.search({
              ...search,
              limit: 7,
              ...(after.length > 0 ? { after } : {}),
            });
            paged.push(...page);
            after = next;
          }
          expect(paged).toEqual(whole);
        }
        projection.close();
      },
    ),
    { numRuns: 600 },
  );
});
