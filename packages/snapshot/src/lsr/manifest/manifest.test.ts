import { generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { opener, openerOf, sealing, seededBytes } from "../testing/rig.ts";
import { chunkRefs, encodeChunkRefs, type ManifestBody, parseManifestBody } from "./manifest-body.ts";
import { isModelSigned, signModel } from "./model-signature.ts";
import { isManifestSigned, openManifest, readStub } from "./open-manifest.ts";
import { sealManifest } from "./seal-manifest.ts";

const id = "01JD0000000000000000000000";
const chunks = encodeChunkRefs([{ chunkId: seededBytes(1)(32), plainLength: 5 }]);
const file = {
  path: "1/model.onnx",
  kind: "file" as const,
  mode: 0o644,
  mtimeNs: "1732500000000000000",
  size: 5,
  sha256: "0".repeat(64),
  parser: "onnx",
  chunks,
  tensors: [],
};
const body: ManifestBody = { files: [file], state: { server: "triton" }, bundle: null };
const stub = { id, model: "digits", capturedAt: "2026-01-02T03:04:05.006Z", parent: null, torn: false };
const signer = generateKeyPairSync("ec", { namedCurve: "P-256" });
const make = (key?: KeyObject) => sealManifest({ stub, body, ...(key && { signer: key }) }, sealing);
const parse = (files: unknown[]) => parseManifestBody(Buffer.from(JSON.stringify({ ...body, files })));

describe("a manifest", () => {
  test("is listed without a key, verified with the signer's, read with a recipient's", async () => {
    const bytes = make(signer.privateKey);
    expect(readStub(bytes, id)).toMatchObject({ ...stub, bytes: 5, files: 1 });
    expect(isManifestSigned(bytes, id, signer.publicKey)).toBe(true);
    expect(isManifestSigned(make(), id, signer.publicKey)).toBe(false);
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(isManifestSigned(bytes, id, other.publicKey)).toBe(false);
    for (const each of [opener, openerOf(12)])
      expect((await openManifest(bytes, id, each)).body).toEqual(body);
    await expect(openManifest(bytes, id, openerOf(99))).rejects.toThrow(/not sealed for key/);
    expect(() => readStub(bytes, id.replace("D", "E"))).toThrow(/its name is/);
    expect(Buffer.from(bytes).toString("latin1")).not.toContain("model.onnx");
  });

  test("with one byte changed, cut short or lengthened is refused, or the changed byte is a wrapped key or the signature", async () => {
    const good = make(signer.privateKey);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: good.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        fc.nat({ max: 2 }),
        async (at, flip, act) => {
          const flipped = Uint8Array.from(good).with(at, (good[at] ?? 0) ^ flip);
          const bad = [flipped, good.subarray(0, at), Uint8Array.from([...good, flip])][act] ?? good;
          expect(safely(() => isManifestSigned(bad, id, signer.publicKey))).not.toBe(true);
          const opened = await openManifest(bad, id, opener).catch((error: unknown) =>
            safely(() => {
              throw error;
            }),
          );
          if (opened) expect(opened.body).toEqual(body);
        },
      ),
      { numRuns: 400 },
    );
  });

  test.for(["../x", "/etc/passwd", "a/../b", "a//b", "./a", "", "a\\b", "a\0b", "x".repeat(4097)])(
    "refuses the path %j",
    (path) => {
      expect(() => parse([{ ...file, path }])).toThrow(/not valid/);
    },
  );

  test("refuses what a restore must not follow", () => {
    const link = (path: string, target: string) => ({ path, kind: "link", target });
    expect(() => parse([file, file])).toThrow(/twice/);
    expect(() => parse([link("a", "b"), { ...file, path: "a/x" }])).toThrow(/below a, a link/);
    expect(() => parse([file, { ...file, path: "1/model.onnx/x" }])).toThrow(/below/);
    for (const target of ["/etc", "../..", "../x/../../y", "..", "a\0"])
      expect(() => parse([link("a", target)]), target).toThrow(/leads out/);
    expect(parse([link("d/a", "../b"), link("b", "c/d")]).files).toHaveLength(2);
    expect(() => parse([{ ...file, size: 6 }])).toThrow(/5 bytes of 6/);
    expect(() => parse([{ ...file, chunks: "AAAA" }])).toThrow(/chunks of/);
    expect(chunkRefs(file)).toHaveLength(1);
  });

  test("of any JSON at all is parsed or refused", () => {
    fc.assert(fc.property(fc.json(), (text) => void safely(() => parseManifestBody(Buffer.from(text)))));
    const entry = fc.record({
      path: fc.string(),
      kind: fc.constantFrom("file", "link", "dir"),
      target: fc.string(),
    });
    fc.assert(fc.property(fc.array(entry), (files) => void safely(() => parse(files))));
  });
});

test("a model's signature is its key's, and for exactly these files", () => {
  const files = [
    { path: "b", sha256: "1".repeat(64) },
    { path: "a", sha256: "2".repeat(64) },
  ];
  const bundle = signModel({ model: "digits", files, key: signer.privateKey });
  const isSigned = (bundle: unknown, change = {}) =>
    isModelSigned(bundle, { model: "digits", files, key: signer.publicKey, ...change });
  expect(isSigned(bundle)).toBe(true);
  expect(isSigned(bundle, { files: files.toReversed() })).toBe(true);
  expect(isSigned(bundle, { files: files.slice(1) })).toBe(false);
  expect(isSigned(bundle, { model: "other" })).toBe(false);
  expect(isSigned(bundle, { key: generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey })).toBe(false);
  expect(isSigned({ ...bundle, dsseEnvelope: null })).toBe(false);
  const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, "base64").toString());
  expect(statement.predicate.resources.map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
});

/** The result, or undefined where the bytes were refused as they should be. */
function safely<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(["snapshot-corrupt", "not-authorised"], String(error)).toContain(
      (error as { code?: string }).code,
    );
    return undefined;
  }
}
