import { createPublicKey, verify } from "node:crypto";
import { canonicalJson, Fault } from "@locum/contracts";
import { bodyDigests, digestOfPart, Evidence, evidenceKeyId, evidenceText, signedBytes } from "./evidence.ts";
import { embeddedEvidence, renderEvidenceHtml } from "./evidence-html.ts";
import { brokenProof } from "./log-proof.ts";
import { openRecord } from "./seal-record.ts";

export type EvidenceVerdict =
  | { ok: true; form: "json" | "html"; keyId: string; evidence: Evidence }
  | { ok: false; where: string };

/** Larger than any report of 10 000 records. */
const bytesMax = 67_108_864;
/** SubjectPublicKeyInfo header of a raw Ed25519 key (RFC 8410, section 4). */
const spkiHeader = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Verifies a report offline, JSON or HTML: every byte counts, and `where` names the part that was changed. Whether the
 * key is one to be believed is for the reader: `trusted` lists key ids, any key if absent.
 */
export function verifyEvidence(
  file: Uint8Array | string,
  { trusted }: { trusted?: readonly string[] } = {},
): EvidenceVerdict {
  const text = typeof file === "string" ? file : decode(file);
  if (text === undefined) return { ok: false, where: "the encoding: not UTF-8" };
  if (text.length > bytesMax) return { ok: false, where: `the size: more than ${bytesMax} bytes` };
  const isPage = text.startsWith("<!doctype html>");
  const json = isPage ? embeddedEvidence(text) : text;
  if (json === undefined) return { ok: false, where: "the page: it holds no evidence" };
  const where = (problem: string): EvidenceVerdict => ({ ok: false, where: problem });

  const value = parse(json);
  if (value === undefined) return where(`${partAt(json, syntaxOffset(json))}: not JSON`);
  const evidence = Evidence.safeParse(value);
  if (!evidence.success) {
    const path = evidence.error.issues[0]?.path ?? [];
    return where(`${pathText(path)}: not of the shape of evidence`);
  }
  const broken = brokenPart(evidence.data);
  if (broken !== undefined) return where(broken);
  const expected = isPage ? renderEvidenceHtml(evidence.data) : evidenceText(evidence.data);
  if (text !== expected)
    return where(
      isPage
        ? "the page: it shows something else than its evidence"
        : "the form: other bytes for the same content",
    );
  const keyId = evidenceKeyId(evidence.data);
  if (trusted && !trusted.includes(keyId)) return where(`publicKey: ${keyId} is not trusted`);
  return { ok: true, form: isPage ? "html" : "json", keyId, evidence: evidence.data };
}

function brokenPart(evidence: Evidence): string | undefined {
  const { records, body, log, digests, publicKey, signature } = evidence;
  for (const [index, record] of records.entries()) {
    const before = records[index - 1];
    const name = `records[${index}] (seq ${record.seq})`;
    try {
      openRecord(canonicalJson(record), before && before.seq + 1 === record.seq ? before : undefined);
    } catch (error) {
      if (error instanceof Fault) return name;
      throw error;
    }
    if (before && before.seq >= record.seq) return name;
  }
  const actual = bodyDigests(body);
  for (const part of new Set([...Object.keys(actual), ...Object.keys(digests.body)]))
    if (actual[part] !== digests.body[part]) return `body.${part}`;
  if (digestOfPart(records) !== digests.records) return "records";
  if ((log && digestOfPart(log)) !== digests.log) return "log";
  const unproven = log && brokenProof(records, log);
  if (unproven !== undefined) return unproven;
  const key = createPublicKey({
    key: Buffer.concat([spkiHeader, Buffer.from(publicKey, "base64")]),
    format: "der",
    type: "spki",
  });
  const isSigned = verify(null, signedBytes(evidence), key, Buffer.from(signature, "base64"));
  return isSigned ? undefined : "the signature, the key or the digests";
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where parsing stopped, as V8 says it; the start if it does not. */
function syntaxOffset(text: string): number {
  try {
    JSON.parse(text);
  } catch (error) {
    return Number(/position (\d+)/.exec((error as Error).message)?.[1] ?? 0);
  }
  return 0;
}

/** The part that a place in the indented text belongs to. */
function partAt(text: string, offset: number): string {
  const before = text.slice(0, offset + 1);
  const part = [...before.matchAll(/^ {2}"(\w+)"/gm)].at(-1);
  if (!part) return "the start";
  if (part[1] !== "records") return part[1] ?? "the start";
  return `records[${[...before.slice(part.index).matchAll(/^ {4}\{/gm)].length - 1}]`;
}

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  ) || "the whole";
