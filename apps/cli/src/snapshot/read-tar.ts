import { Fault } from "@locum/contracts";
import type { ByteSource } from "@locum/snapshot/repository";
import { blockBytes, type TarEntry, tarChecksum } from "./tar-header.ts";

/** `start`: where its bytes lie in the archive. A hard link has those of the file that it names. */
export type TarMember = TarEntry & { start: number };

const membersMax = 100_000;
const paxBytesMax = 1 << 20;

/**
 * What an uncompressed tar archive holds, by its headers alone: ustar, pax and GNU names. Nothing is extracted.
 * @throws Fault request-invalid: not such an archive, cut short, or with a name that leads out of it · refused: more than
 *   the limits, or sparse files
 */
export async function readTar(source: ByteSource): Promise<TarMember[]> {
  const members = new Map<string, TarMember>();
  let next: Pax = {};
  for (let at = 0; at + blockBytes <= source.size; ) {
    const header = Buffer.from(await source.read(at, blockBytes));
    if (header.every((byte) => byte === 0)) break;
    const { type, fields } = parseHeader(header, at);
    const size = type === "dir" || type === "link" || type === "hard" ? 0 : (next.size ?? fields.size);
    const start = at + blockBytes;
    if (start + size > source.size) throw broken(`it ends within ${fields.path.slice(0, 100)}`);
    at = start + Math.ceil(size / blockBytes) * blockBytes;
    if (type === "global") continue;
    if (type === "pax" || type === "long-name" || type === "long-link") {
      if (size > paxBytesMax) throw broken(`an extended header of ${size} bytes`);
      next = { ...next, ...extended(type, Buffer.from(await source.read(start, size))) };
      continue;
    }
    const path = safePath(next.path ?? fields.path);
    const target = next.target ?? fields.target;
    const entry = { path, mode: fields.mode, mtimeNs: next.mtimeNs ?? fields.mtimeNs, size, start };
    next = {};
    if (path === "") continue;
    // A later member of a name takes the place of an earlier one, as when tar extracts.
    if (type === "hard") members.set(path, { ...sameFile(members, safePath(target), path), path });
    else if (type !== "other")
      members.set(path, { ...entry, kind: type, ...(type === "link" && { target }) });
    if (members.size > membersMax) throw new Fault("refused", `more than ${membersMax} members`);
  }
  if (members.size === 0) throw broken("it holds nothing");
  return [...members.values()];
}

type Pax = { path?: string; target?: string; size?: number; mtimeNs?: bigint };
type MemberType = TarEntry["kind"] | "hard" | "pax" | "global" | "long-name" | "long-link" | "other";

const types: Record<string, MemberType> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hard",
  "2": "link",
  "3": "other",
  "4": "other",
  "5": "dir",
  "6": "other",
  x: "pax",
  g: "global",
  L: "long-name",
  K: "long-link",
};

function parseHeader(header: Buffer, at: number) {
  const text = (from: number, length: number) =>
    header.toString("utf8", from, from + length).split("\0")[0] ?? "";
  if (octal(header, 148, 8) !== tarChecksum(header)) throw broken(`no header at byte ${at}`);
  const flag = String.fromCharCode(header[156] ?? 0);
  const type = types[flag];
  if (!type)
    throw new Fault("refused", `a member of type "${flag}", which is not known here (sparse files are not)`);
  const prefix = text(257, 5) === "ustar" && header[262] === 0 ? text(345, 155) : "";
  const name = text(0, 100);
  const fields = {
    path: prefix === "" ? name : `${prefix}/${name}`,
    target: text(157, 100),
    mode: octal(header, 100, 8) & 0o7777,
    size: octal(header, 124, 12),
    mtimeNs: BigInt(octal(header, 136, 12)) * 1_000_000_000n,
  };
  const isDir = type === "file" && fields.path.endsWith("/");
  return { type: isDir ? ("dir" as const) : type, fields };
}

/** Octal digits, or GNU's base 256 where the first bit is set. */
function octal(header: Buffer, from: number, length: number): number {
  const field = header.subarray(from, from + length);
  if ((field[0] ?? 0) & 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (field[0] === 0x80 && Number.isSafeInteger(value)) return value;
    throw broken("a number that is too large");
  }
  const digits = /^[ \0]*([0-7]*)[ \0]*$/.exec(field.toString("latin1"))?.[1];
  if (digits === undefined) throw broken("a number that is none");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function extended(type: "pax" | "long-name" | "long-link", body: Buffer): Pax {
  if (type !== "pax") {
    const name = body.toString("utf8").split("\0")[0] ?? "";
    return type === "long-name" ? { path: name } : { target: name };
  }
  const found: Pax = {};
  for (let at = 0; at < body.length; ) {
    const [head = "", digits = ""] = /^([1-9]\d{0,6}) /.exec(body.toString("latin1", at, at + 9)) ?? [];
    const length = Number(digits);
    if (head === "" || length <= head.length || at + length > body.length || body[at + length - 1] !== 10)
      throw broken("a pax record that is none");
    const record = body.toString("utf8", at + head.length, at + length - 1);
    at += length;
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key.startsWith("GNU.sparse")) throw new Fault("refused", "sparse files are not known here");
    if (key === "path") found.path = value;
    if (key === "linkpath") found.target = value;
    if (key === "size") found.size = sizeOf(value);
    if (key === "mtime") found.mtimeNs = nanoseconds(value);
  }
  return found;
}

function sizeOf(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw broken("a size that is none");
}

function nanoseconds(text: string): bigint {
  const [, sign, whole = "0", part = ""] = /^(-?)(\d{1,10})(?:\.(\d*))?$/.exec(text) ?? [];
  if (sign === undefined) throw broken("a time that is none");
  const value = BigInt(whole) * 1_000_000_000n + BigInt(part.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -value : value;
}

/** "" for the root itself. @throws Fault request-invalid */
function safePath(text: string): string {
  const path = text.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
  if (path === "" || path === ".") return "";
  const isSafe =
    Buffer.byteLength(path) <= 4096 &&
    !/[\0\\\uFFFD]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (isSafe) return path;
  throw new Fault("request-invalid", `the archive has a member ${JSON.stringify(text.slice(0, 100))}`, {
    hint: "Expected relative names without .. and backslashes; nothing was imported.",
  });
}

function sameFile(members: ReadonlyMap<string, TarMember>, target: string, path: string): TarMember {
  const found = members.get(target);
  if (found?.kind === "file") return found;
  throw broken(`${path.slice(0, 100)} is a hard link to ${target.slice(0, 100)}, which is no file before it`);
}

const broken = (what: string): Fault =>
  new Fault("request-invalid", `not a tar archive that can be read: ${what}`, {
    hint: "Expected an uncompressed tar file; unpack compressed ones first.",
  });
