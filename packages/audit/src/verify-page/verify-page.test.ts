import { generateKeyPairSync } from "node:crypto";
import { type AuditRecord, canonicalJson } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openAuditLog } from "../audit-log.ts";
import { type Evidence, evidenceText, sealEvidence } from "../evidence.ts";
import { renderEvidenceHtml } from "../evidence-html.ts";
import { proveRecords } from "../log-proof.ts";
import { noteKeyOf, noteKeyText } from "../note/note-key.ts";
import { createMemoryLogFs } from "../testing/memory-log-fs.ts";
import { someBody } from "../testing/some-body.ts";
import { someEvent } from "../testing/some-event.ts";
import { verifyEvidence } from "../verify-evidence.ts";
import { verifyInBrowser } from "./verify-in-browser.ts";
import { verifyPage } from "./verify-page.ts";

const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();

/** A dossier over some of the records of a log that holds more. */
async function someDossier(reason = "reason"): Promise<Evidence> {
  const signer = { name: "locum/audit/test", privateKey: generateKeyPairSync("ed25519").privateKey };
  const log = await openAuditLog({ dir: "/log", fs: createMemoryLogFs().fs, signer });
  const all = await log.append(
    Array.from({ length: 21 }, (_, index) => someEvent({ reason: `${reason} ${index}` })),
  );
  const records = all.filter(({ seq }) => seq % 4 === 0 || seq === 5);
  if (!log.tree) throw new Error("a signed log has a tree");
  const proof = await proveRecords(
    records.map(({ seq }) => seq),
    { tree: log.tree, key: noteKeyText(noteKeyOf(signer, "log")) },
  );
  return sealEvidence({ body: someBody(), records, log: proof, key: pem });
}

test("a dossier is right for the CLI and for a browser, as JSON and as a page", async () => {
  const dossier = await someDossier();
  for (const text of [evidenceText(dossier), renderEvidenceHtml(dossier)]) {
    expect(verifyEvidence(text)).toMatchObject({ ok: true });
    expect(await verifyInBrowser(text)).toMatchObject({ ok: true, title: dossier.body.title });
  }
});

test("whatever is changed in a dossier, both say so", async () => {
  const text = canonicalJson(await someDossier());
  await fc.assert(
    fc.asyncProperty(
      fc.nat(text.length - 1),
      fc.constantFrom("0", "1", "a", "Q", "}", " "),
      async (at, other) => {
        fc.pre(text[at] !== other);
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        const inBrowser = await verifyInBrowser(changed);
        // White space between parts is no content: only the CLI holds a file to its bytes.
        if (canonicalOf(changed) === text) return;
        expect(inBrowser.ok).toBe(false);
        expect(verifyEvidence(asFile(changed)).ok).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
});

test("a record that the log does not hold is found, though the report is signed anew", async () => {
  const dossier = await someDossier();
  const foreign = (await someDossier("another")).records[1];
  const records = dossier.records.map((record, index) => (index === 1 && foreign ? foreign : record));
  const forged = sealEvidence({
    body: dossier.body,
    records: records as AuditRecord[],
    log: dossier.log,
    key: pem,
  });
  expect(verifyEvidence(evidenceText(forged))).toMatchObject({ ok: false });
  expect(await verifyInBrowser(evidenceText(forged))).toMatchObject({ ok: false });
});

test("the page allows its own script only", () => {
  const page = verifyPage();
  expect(page).toMatch(/script-src 'sha256-[A-Za-z0-9+/]{43}='/);
  expect(page.match(/<script>/g)).toHaveLength(1);
});

const canonicalOf = (text: string): string | undefined => {
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return undefined;
  }
};

const asFile = (text: string): string => {
  try {
    return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
  } catch {
    return text;
  }
};
