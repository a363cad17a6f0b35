/** Blocks of POSIX tar (ustar, with pax records for what it cannot say), as IEEE Std 1003.1 has them under `pax`. */
export const blockBytes = 512;

export type TarEntry = {
  path: string;
  kind: "file" | "dir" | "link";
  mode: number;
  mtimeNs: bigint;
  size: number;
  target?: string;
};

const typeFlags = { file: "0", dir: "5", link: "2", pax: "x" } as const;
const sizeMax = 8 ** 11 - 1;

/** The header of an entry, with a pax header before it where names or sizes do not fit. Owners are nobody's. */
export function tarHeader({ path, kind, mode, mtimeNs, size, target = "" }: TarEntry): Uint8Array {
  const name = kind === "dir" ? `${path}/` : path;
  const seconds = Number(mtimeNs / 1_000_000_000n);
  const records: [string, string][] = [];
  if (!fits(name)) records.push(["path", name]);
  if (!fits(target)) records.push(["linkpath", target]);
  if (size > sizeMax) records.push(["size", String(size)]);
  if (seconds < 0 || seconds > sizeMax || mtimeNs % 1_000_000_000n !== 0n)
    records.push(["mtime", decimal(mtimeNs)]);
  const fields = { mode, size: size > sizeMax ? 0 : size, mtime: Math.min(Math.max(seconds, 0), sizeMax) };
  const own = block(typeFlags[kind], { ...fields, name: cut(name), target: cut(target) });
  if (records.length === 0) return own;
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const head = block(typeFlags.pax, {
    mode: 0o644,
    size: body.length,
    mtime: 0,
    name: "pax-header",
    target: "",
  });
  return Buffer.concat([head, body, padding(body.length), own]);
}

/** Zeros up to the next block. */
export const padding = (bytes: number): Uint8Array =>
  new Uint8Array((blockBytes - (bytes % blockBytes)) % blockBytes);

type Fields = { name: string; mode: number; size: number; mtime: number; target: string };

function block(type: string, { name, mode, size, mtime, target }: Fields): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  bytes.write(name, 0, 100);
  bytes.write(octal(mode & 0o7777, 7), 100, "latin1");
  bytes.write(octal(0, 7), 108, "latin1");
  bytes.write(octal(0, 7), 116, "latin1");
  bytes.write(octal(size, 11), 124, "latin1");
  bytes.write(octal(mtime, 11), 136, "latin1");
  bytes.write(type, 156, "latin1");
  bytes.write(target, 157, 100);
  bytes.write("ustar\x0000", 257, "latin1");
  bytes.write(`${tarChecksum(bytes).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

/** The sum of a header's bytes, with blanks where it stands itself. */
export function tarChecksum(header: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += at >= 148 && at < 156 ? 32 : (header[at] ?? 0);
  return sum;
}

const fits = (text: string): boolean => /^[\x20-\x7e]{0,100}$/.test(text);
const cut = (text: string): string => text.replace(/[^\x20-\x7e]/g, "_").slice(0, 100);

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function decimal(ns: bigint): string {
  const [sign, all] = ns < 0n ? ["-", -ns] : ["", ns];
  return `${sign}${all / 1_000_000_000n}.${String(all % 1_000_000_000n).padStart(9, "0")}`;
}
