/**
 * The verifier of a signed report as a browser runs it: from the format alone, with WebCrypto, sharing no code with the
 * writer. verify-page.ts puts the text of these functions into a page, so each uses nothing but the others and what
 * every browser has.
 */
export type BrowserVerdict =
  | { ok: true; title: string; summary: string; service: string; createdAt: string; lines: string[] }
  | { ok: false; where: string };

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
// biome-ignore lint/suspicious/noExplicitAny: a report from outside is looked at part by part, and any surprise ends in a verdict.
type Report = any;

export async function verifyInBrowser(text: string): Promise<BrowserVerdict> {
  try {
    const page = /<script type="application\/json" id="evidence">([\s\S]*?)<\/script>/.exec(text);
    const report: Report = JSON.parse(page?.[1] ?? text);
    if (report.kind !== "LocumEvidence" || report.version !== 1)
      return { ok: false, where: "the file: no report of Locum" };
    const where =
      (await brokenRecord(report.records)) ??
      (await brokenDigest(report)) ??
      (await brokenSignature(report)) ??
      (report.log ? await brokenInclusion(report) : undefined);
    if (where !== undefined) return { ok: false, where };
    const { title, summary, service, createdAt } = report.body;
    return { ok: true, title, summary, service, createdAt, lines: await provenLines(report) };
  } catch (error) {
    return { ok: false, where: `the file: ${(error as Error).message}` };
  }
}

async function provenLines({ records, log, publicKey }: Report): Promise<string[]> {
  const signer = (await sha256(fromBase64(publicKey))).slice(0, 8);
  const lines = [
    `${records.length} records, each with its own hash, bound to the one before it where that is here.`,
    `Signed as a whole by key ${toHex(signer)}.`,
  ];
  if (log) {
    const [origin, size] = log.checkpoint.split("\n");
    const witnesses = log.checkpoint.split("\n").filter((line: string) => line.startsWith("— ")).length - 1;
    lines.push(`Every record is in the log ${origin}, which had ${size} records when it was signed.`);
    if (witnesses > 0) lines.push(`Below that stand the lines of ${witnesses} witnesses.`);
  }
  return lines;
}

/** Records carry the SHA-256 of their canonical form without the hash, and the hash of the record before. */
async function brokenRecord(records: Report[]): Promise<string | undefined> {
  let before: Report;
  for (const record of records) {
    const { hash, ...body } = record;
    const own = toHex(await sha256(utf8(canonical(body))));
    const follows = !before || before.seq + 1 !== record.seq || record.previous === before.hash;
    if (own !== hash || !follows || (before && before.seq >= record.seq)) return `record ${record.seq}`;
    before = record;
  }
  return undefined;
}

async function brokenDigest({ body, records, log, digests }: Report): Promise<string | undefined> {
  const parts = Object.keys(body);
  if (parts.length !== Object.keys(digests.body).length) return "body: other parts than were signed";
  for (const part of parts)
    if (toHex(await sha256(utf8(canonical(body[part])))) !== digests.body[part]) return `body.${part}`;
  if (toHex(await sha256(utf8(canonical(records)))) !== digests.records) return "records";
  const ofLog = log ? toHex(await sha256(utf8(canonical(log)))) : undefined;
  return ofLog === digests.log ? undefined : "log";
}

async function brokenSignature({
  kind,
  version,
  digests,
  publicKey,
  signature,
}: Report): Promise<string | undefined> {
  const signed = utf8(`locum.dev/evidence/v1\n${canonical({ kind, version, digests, publicKey })}`);
  const isSigned = await isSignature(fromBase64(publicKey), fromBase64(signature), signed);
  return isSigned ? undefined : "the signature, the key or the digests";
}

/** C2SP signed-note and tlog-checkpoint; RFC 9162, section 2.1.3.2. */
async function brokenInclusion({ records, log }: Report): Promise<string | undefined> {
  const [, name, id, base64] = /^(\S+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(log.key) ?? [];
  if (!name || !id || !base64) return "log.key";
  const split = log.checkpoint.lastIndexOf("\n\n");
  const text = log.checkpoint.slice(0, split + 1);
  const [origin, size, root] = text.split("\n");
  const line = log.checkpoint
    .slice(split + 2)
    .split("\n")
    .find((each: string) => each.startsWith(`— ${name} `));
  const signature = fromBase64(line?.split(" ")[2] ?? "");
  const isSigned =
    origin === name &&
    toHex(signature.slice(0, 4)) === id &&
    (await isSignature(fromBase64(base64).slice(1), signature.slice(4), utf8(text)));
  if (!isSigned) return "log.checkpoint: not signed by the log's key";
  if (records.length !== log.inclusion.length) return "log.inclusion: not one path a record";
  for (const [index, record] of records.entries()) {
    const { seq, path } = log.inclusion[index];
    const leaf = await sha256(joined([Uint8Array.of(0), utf8(canonical(record))]));
    const found = seq === record.seq ? await rootOf(leaf, seq, Number(size), path) : undefined;
    if (!found || toBase64(found) !== root) return `record ${record.seq}: not in the signed log`;
  }
  return undefined;
}

async function rootOf(
  leaf: Uint8Array<ArrayBuffer>,
  index: number,
  size: number,
  path: string[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (index >= size) return undefined;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const step of path) {
    if (last === 0) return undefined;
    const sibling = fromBase64(step);
    const isRight = at % 2 === 1 || at === last;
    hash = await sha256(joined([Uint8Array.of(1), isRight ? sibling : hash, isRight ? hash : sibling]));
    while (isRight && at % 2 === 0 && at !== 0) {
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : undefined;
}

async function isSignature(
  key: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

/** RFC 8785. */
function canonical(value: Json | Report): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function joined(parts: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** In the order of the page; each stands alone. */
export const browserFunctions = [
  verifyInBrowser,
  provenLines,
  brokenRecord,
  brokenDigest,
  brokenSignature,
  brokenInclusion,
  rootOf,
  isSignature,
  canonical,
  sha256,
  utf8,
  joined,
  toHex,
  fromBase64,
  toBase64,
];
