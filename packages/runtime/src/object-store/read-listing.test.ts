import fc from "fast-check";
import { expect, test } from "vitest";
import { readListing } from "./read-listing.ts";

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const contents = (key: string, bytes: number) =>
  `<Contents><Key>${escaped(key)}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>${bytes}</Size></Contents>`;
const listing = (inner: string) =>
  `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`;

test("keys of any text come back, with sizes and times", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.nat())), (objects) => {
      const xml = listing(
        `<IsTruncated>false</IsTruncated>${objects.map(([key, bytes]) => contents(key, bytes)).join("")}`,
      );
      const modifiedMs = Date.parse("2026-01-02T03:04:05.000Z");
      expect(readListing(xml)).toEqual({
        objects: objects.map(([key, bytes]) => ({ key, bytes, modifiedMs })),
        next: undefined,
      });
    }),
  );
});

test("a part says how it goes on, or is none", () => {
  const part = "<IsTruncated>true</IsTruncated>";
  expect(readListing(listing(`${part}<NextContinuationToken>a&amp;b</NextContinuationToken>`)).next).toBe(
    "a&b",
  );
  expect(() => readListing(listing(part))).toThrow(/goes on/);
});

test("whatever else is sent is a listing or a fault", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map(listing),
        fc.string().map((text) => listing(`<Contents>${text}</Contents>`)),
      ),
      (xml) => {
        try {
          readListing(xml);
        } catch (error) {
          expect(error).toMatchObject({ code: "storage-failed" });
        }
      },
    ),
  );
});
