import { generateKeyPairSync } from "node:crypto";
import type { AuditRecord } from "@locum/contracts";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { openAuditLog } from "./audit-log.ts";
import { type Evidence, evidenceKeyId, evidenceText, sealEvidence } from "./evidence.ts";
import { renderEvidenceHtml } from "./evidence-html.ts";
import { createMemoryLogFs } from "./testing/memory-log-fs.ts";
import { someBody } from "./testing/some-body.ts";
import { someEvent } from "./testing/some-event.ts";
import { verifyEvidence } from "./verify-evidence.ts";

const key = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
let records: AuditRecord[] = [];
let evidence: Evidence;

beforeAll(async () => {
  const log = await openAuditLog({ dir: "/log", fs: createMemoryLogFs().fs });
  await log.append(Array.from({ length: 6 }, (_, index) => someEvent({ facts: { index } })));
  records = (await log.query()).filter(({ seq }) => seq !== 2);
  evidence = sealEvidence({ body: someBody(), records, key });
});

test("sealed evidence verifies, as JSON and as a page, from text and from bytes", () => {
  const page = renderEvidenceHtml(evidence);
  for (const [file, form] of [
    [evidenceText(evidence), "json"],
    [Buffer.from(evidenceText(evidence)), "json"],
    [page, "html"],
    [Buffer.from(page), "html"],
  ] as const)
    expect(verifyEvidence(file)).toEqual({ ok: true, form, keyId: evidenceKeyId(evidence), evidence });
});

test("the key can be held against a list", () => {
  const text = evidenceText(evidence);
  expect(verifyEvidence(text, { trusted: [evidenceKeyId(evidence)] })).toMatchObject({ ok: true });
  expect(verifyEvidence(text, { trusted: ["0123456789abcdef"] })).toEqual({
    ok: false,
    where: expect.stringContaining("is not trusted"),
  });
});

test("one flipped bit anywhere in the JSON is found", () => {
  const bytes = Buffer.from(evidenceText(evidence));
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    expect(verifyEvidence(changed), `byte ${at}`).toMatchObject({ ok: false, where: expect.any(String) });
  }
});

test("one flipped bit anywhere in the page is found", () => {
  const bytes = Buffer.from(renderEvidenceHtml(evidence));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      expect(verifyEvidence(changed)).toMatchObject({ ok: false });
    }),
    { numRuns: 500 },
  );
});

describe("what was changed is named:", () => {
  test.each<[string, (text: string) => string, string]>([
    ["a fact of one record", (text) => text.replace('"index": 3', '"index": 4'), "records[2] (seq 3)"],
    ["a record that is gone", (text) => withRecords(text, (list) => list.toSpliced(1, 1)), "records"],
    ["two records swapped", (text) => withRecords(text, ([a, b, ...rest]) => [b, a, ...rest]), "records[1]"],
    ["a measure", (text) => text.replace('"value": 812', '"value": 12'), "body.measures"],
    [
      "the service",
      (text) => text.replace('"service": "digits",\n    "summary"', '"service": "other",\n    "summary"'),
      "body.service",
    ],
    [
      "a step of the story",
      (text) => text.replace("answers come from b", "answers come from c"),
      "body.incidents",
    ],
    ["a bracket in a record", (text) => text.replace('"seq": 3', '"seq: 3'), "records[2]"],
    ["white space", (text) => `${text} `, "the form"],
    ["an added member", (text) => text.replace('{\n  "body"', '{\n  "extra": 1,\n  "body"'), "the whole"],
    [
      "the signature",
      (text) => text.replace(/("signature": ")(.)/, (_, head, one) => head + (one === "A" ? "B" : "A")),
      "the signature",
    ],
  ])("%s", (_, change, where) => {
    const text = evidenceText(evidence);
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(verifyEvidence(changed)).toEqual({ ok: false, where: expect.stringContaining(where) });
  });

  test("a page that shows another figure than its evidence", () => {
    const page = renderEvidenceHtml(evidence);
    const changed = page.replace("812 ms", "112 ms");
    expect(changed).not.toBe(page);
    expect(verifyEvidence(changed)).toEqual({ ok: false, where: expect.stringContaining("the page") });
  });
});

test("another signer's evidence over the same body is another key, not a valid one of ours", () => {
  const other = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const forged = {
    ...evidence,
    publicKey: sealEvidence({ body: someBody(), records, key: other }).publicKey,
  };
  expect(verifyEvidence(evidenceText(forged))).toMatchObject({ ok: false });
});

test("any bytes get a verdict, never an exception", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json(), fc.string()), (file) => {
      expect(verifyEvidence(file).ok).toBe(false);
    }),
  );
});

test("a page shows hostile text as text, has no script that runs and asks nobody for anything", () => {
  const hostile = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\u0000\u2028';
  const body = someBody({ title: hostile, summary: hostile, facts: { [hostile.slice(0, 60)]: hostile } });
  const page = renderEvidenceHtml(sealEvidence({ body, records, key }));
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page).not.toContain("<img");
  expect(renderEvidenceHtml(evidence)).not.toMatch(/\b(src|href)=|url\(|@import/);
  expect(verifyEvidence(page)).toMatchObject({ ok: true });
});

test("a page without incidents, measures and records is a page", () => {
  const body = someBody({ incidents: [], measures: [], facts: {} });
  const page = renderEvidenceHtml(sealEvidence({ body, records: [], key }));
  expect(verifyEvidence(page)).toMatchObject({ ok: true, form: "html" });
});

function withRecords(text: string, change: (records: unknown[]) => unknown[]): string {
  const value = JSON.parse(text);
  return `${JSON.stringify({ ...value, records: change(value.records) }, null, 2)}\n`;
}
