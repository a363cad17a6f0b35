import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import { broken, type ReadAt, readZipDirectory, type ZipEntry } from "./zip-directory.ts";
import { checkZipEntry } from "./zip-entry.ts";

const manifestName = "MAR-INF/MANIFEST.json";
const manifestBytesMax = 1024 * 1024;

/**
 * Whether TorchServe could load this model archive, as far as its bytes tell: a zip file whose entries all unpack to
 * their checksums, with a manifest that names a model and a handler, and the files that the manifest names, weights of
 * PyTorch in one of its formats. A folder (an unpacked archive) is held against its manifest alone. Throws
 * `upstream-refused` for one that could not, `not-found` where there is none, `upstream-timeout`.
 */
export async function checkMarArchive(path: string, signal: AbortSignal): Promise<void> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) await checkFolder(path);
    else await checkFile(path, found.size, signal);
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (signal.aborted)
      throw new Fault("upstream-timeout", `${path}: reading the archive took all the time`, { cause: error });
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw new Fault("not-found", `${path}: no archive there`);
    throw new Fault("storage-failed", `${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function checkFile(path: string, fileBytes: number, signal: AbortSignal): Promise<void> {
  await using file = await open(path, "r");
  const readAt: ReadAt = async (at, length) => {
    signal.throwIfAborted();
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, fileBytes - at)));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at);
    return bytes.subarray(0, bytesRead);
  };
  // TorchServe takes .tar.gz too; what is in those only the server's own trial says.
  if ((await readAt(0, 2)).equals(gzipMagic)) return;
  await checkMarBytes(readAt, fileBytes, signal);
}

/** The same for bytes at hand. */
export async function checkMarBytes(readAt: ReadAt, fileBytes: number, signal: AbortSignal): Promise<void> {
  const entries = await readZipDirectory(readAt, fileBytes);
  refuseOverlaps(entries);
  const manifestEntry = entries.find(({ name }) => name === manifestName);
  if (!manifestEntry) throw broken(`no ${manifestName}`);
  if (manifestEntry.bytes > manifestBytesMax) throw broken(`${manifestName} is too large`);
  const pieces: Buffer[] = [];
  await checkZipEntry(readAt, manifestEntry, { signal, onPiece: (piece) => void pieces.push(piece) });
  const model = readManifest(Buffer.concat(pieces));
  refuseMissing(model, new Set(entries.map(({ name }) => name)));
  for (const entry of entries) {
    let start = Buffer.alloc(0);
    const onPiece = (piece: Buffer) => {
      if (start.length < 4) start = Buffer.concat([start, piece.subarray(0, 4)]);
    };
    await checkZipEntry(readAt, entry, { signal, onPiece });
    if (entry.name === model.serializedFile) refuseForeignWeights(entry.name, start);
  }
}

async function checkFolder(path: string): Promise<void> {
  const bytes = await readFile(join(path, manifestName)).catch(() => {
    throw broken(`no ${manifestName}`);
  });
  if (bytes.length > manifestBytesMax) throw broken(`${manifestName} is too large`);
  readManifest(bytes);
}

type Manifest = { handler: string; serializedFile: string | undefined; modelFile: string | undefined };

function readManifest(bytes: Buffer): Manifest {
  const manifest = readJson(bytes, "upstream-refused");
  const model = isObject(manifest) && isObject(manifest.model) ? manifest.model : {};
  const text = (key: string) =>
    typeof model[key] === "string" && model[key] !== "" ? model[key] : undefined;
  const handler = text("handler");
  if (text("modelName") === undefined || handler === undefined)
    throw broken(`${manifestName} names no model or no handler`);
  return { handler, serializedFile: text("serializedFile"), modelFile: text("modelFile") };
}

/** `file.py`, `file.py:function`, `package/module.py`; a name without .py is one of TorchServe's own handlers. */
function refuseMissing({ handler, serializedFile, modelFile }: Manifest, names: Set<string>): void {
  const handlerFile = /^(?<file>.+\.py)(?::[A-Za-z_]\w*)?$/.exec(handler)?.groups?.file;
  for (const needed of [handlerFile, serializedFile, modelFile])
    if (needed !== undefined && !names.has(needed)) throw broken(`${JSON.stringify(needed)} is not in it`);
}

/** torch.save and torch.jit.save write zip files, torch.save before 1.6 pickles. */
function refuseForeignWeights(name: string, start: Buffer): void {
  if (!/\.(pt|pth)$/i.test(name)) return;
  const isZip = start.subarray(0, 4).toString("latin1") === "PK\x03\x04";
  const isPickle = start[0] === 0x80 && (start[1] ?? 0) >= 2 && (start[1] ?? 0) <= 5;
  if (!isZip && !isPickle) throw broken(`${JSON.stringify(name)} holds no weights of PyTorch`);
}

/** Entries that share bytes are how a small file is made to unpack without an end. */
function refuseOverlaps(entries: readonly ZipEntry[]): void {
  const sorted = [...entries].sort((a, b) => a.headerAt - b.headerAt);
  let end = 0;
  for (const { headerAt, packedBytes } of sorted) {
    if (headerAt < end) throw broken("two of its files share bytes");
    end = headerAt + packedBytes;
  }
}

const gzipMagic = Buffer.from([0x1f, 0x8b]);
