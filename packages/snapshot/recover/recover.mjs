// Restores a snapshot from an LSR/1 repository with nothing but Node 22.15 or later and a private key. Written from
// docs/snapshot-format.md alone; it shares no code with the writer, so that neither can hide the other's mistake.
//
//   node recover.mjs --repository DIR --key PRIVATE.pem --list
//   node recover.mjs --repository DIR --key PRIVATE.pem --to EMPTY_DIR [--snapshot ID] [--signer PUBLIC.pem]
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { parseArgs } from "node:util";
import { zstdDecompressSync } from "node:zlib";

const MiB = 1 << 20;
const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest();
const hkdf = (secret, salt, info) => Buffer.from(crypto.hkdfSync("sha256", secret, salt, info, 32));
const spki = (key) => key.export({ type: "spki", format: "der" });
const inflate = (bytes, max) => zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, max) });
const decoders = [(bytes) => bytes, inflate, decodePlanes, (bytes, length) => Buffer.alloc(length, bytes)];

try {
  main();
} catch (error) {
  console.error(`recover: ${error.message}`);
  process.exitCode = 1;
}

function main() {
  const names = ["repository", "key", "to", "snapshot", "signer"];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options: { ...options, list: { type: "boolean" } } });
  const { repository, list, to } = values;
  check(repository && values.key && (list || to), "give --repository, --key, and --to or --list");
  const key = crypto.createPrivateKey(fs.readFileSync(values.key));
  const found = fs.readdirSync(join(repository, "snaps")).filter((name) => /^[0-9A-Z]{26}\.sn$/.test(name));
  const ids = values.snapshot ? [values.snapshot] : found.map((name) => name.slice(0, 26));
  let manifest;
  for (const id of ids.toSorted().toReversed())
    try {
      manifest = readManifest(values, id, key);
      console.log(id, manifest.stub.capturedAt, manifest.stub.model, manifest.stub.bytes, "bytes");
      if (!list) break;
    } catch (error) {
      console.error(`${id}: ${error.message}`);
    }
  check(manifest, "no such snapshot can be read with this key");
  if (!list) restore(manifest.files, to, loadPacks(repository, key));
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

/** Takes bytes and numbers from the front of `bytes`. */
function cursor(bytes, path, at = 0) {
  const take = (length) => {
    check(length <= bytes.length - at, `${path} is cut short`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const number = (length) => take(length).readUIntLE(0, length);
  return { take, number, u64: () => Number(take(8).readBigUInt64LE()), at: () => at };
}

// Section 2: header and keys.
function openHeader(bytes, magic, key, path) {
  const isKnown = bytes.toString("latin1", 0, 4) === magic && bytes[4] === 1 && bytes.length > 104;
  check(isKnown, `${path} is no ${magic} file of version 1`);
  const [context, commitment] = [bytes.subarray(8, 72), bytes.subarray(72, 104)];
  const id = sha256(spki(crypto.createPublicKey(key)));
  const stanzas = [bytes, ...moreStanzas(path, bytes)].flatMap((header) => stanzasOf(header, path));
  const mine = stanzas.find(({ recipient }) => recipient.equals(id));
  check(mine, `${path} is not sealed for this key`);
  const keys = unwrap(mine.wrapped, key, Buffer.concat([bytes.subarray(0, 4), context]));
  const [fileKey, idKey, salt] = [keys.subarray(0, 32), keys.subarray(32), bytes.subarray(40, 72)];
  check(hkdf(fileKey, salt, "lsr1 commit").equals(commitment), `${path} commits to another key`);
  const [recordKey, trailerKey] = [hkdf(fileKey, salt, "lsr1 record"), hkdf(idKey, salt, "lsr1 trailer")];
  return { magic, context, length: bytes.readUInt16LE(6), recordKey, trailerKey };
}

function stanzasOf(header, path) {
  const { take, number } = cursor(header, path, 104);
  return Array.from({ length: header[5] }, () => {
    const length = number(4) >>> 16;
    return { recipient: take(32), wrapped: take(length) };
  });
}

/** Stanzas that were published beside the file later. */
function moreStanzas(path, bytes) {
  const isMore = (name) => name.startsWith(`${basename(path).slice(0, -3)}.`) && name.endsWith(".wk");
  const names = fs.readdirSync(dirname(path)).filter(isMore);
  const headers = names.map((name) => fs.readFileSync(join(dirname(path), name)));
  return headers.filter((other) => other.subarray(8, 104).equals(bytes.subarray(8, 104)));
}

function unwrap(wrapped, key, additional) {
  const padding = crypto.constants.RSA_PKCS1_OAEP_PADDING;
  if (key.asymmetricKeyType === "rsa")
    return crypto.privateDecrypt({ key, padding, oaepHash: "sha256" }, wrapped);
  const ephemeral = wrapped.subarray(0, 32);
  const jwk = { kty: "OKP", crv: "X25519", x: ephemeral.toString("base64url") };
  const publicKey = crypto.createPublicKey({ key: jwk, format: "jwk" });
  const secret = crypto.diffieHellman({ privateKey: key, publicKey });
  const salt = Buffer.concat([ephemeral, spki(crypto.createPublicKey(key)).subarray(-32)]);
  return gcm(hkdf(secret, salt, "lsr1 x25519"), Buffer.alloc(12), additional, wrapped.subarray(32));
}

// Section 3: sealing.
function gcm(key, nonce, additional, sealed) {
  const decipher = crypto.createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  decipher.setAAD(additional);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

function unseal(key, { magic, context }, { ordinal, codec, plainLength, bound }, sealed) {
  const numbers = Buffer.alloc(12);
  numbers.writeBigUInt64LE(ordinal);
  numbers.writeUInt32LE(plainLength, 8);
  const start = Buffer.concat([Buffer.from(magic, "latin1"), Buffer.from([1, codec])]);
  const additional = Buffer.concat([start, context, numbers, bound ?? Buffer.alloc(32)]);
  return gcm(key, Buffer.concat([numbers.subarray(0, 8), Buffer.alloc(4)]), additional, sealed);
}

// Section 7: manifest.
function readManifest({ repository, signer }, id, key) {
  const path = join(repository, "snaps", `${id}.sn`);
  const bytes = fs.readFileSync(path);
  const header = openHeader(bytes, "LSRM", key, path);
  const { take, number, at } = cursor(bytes, path, header.length);
  const stubBytes = take(number(4));
  const [codec, plainLength] = [number(1), number(4)];
  check(plainLength <= 256 * MiB && codec <= 1, `${path} has a body of ${plainLength} bytes, codec ${codec}`);
  const sealed = take(number(4) + 16);
  const signed = Buffer.concat([Buffer.from("LSR/1 manifest\n"), bytes.subarray(0, at())]);
  const signature = take(number(2));
  const isSigned = !signer || crypto.verify("sha256", signed, fs.readFileSync(signer, "utf8"), signature);
  check(isSigned, `${path} is not signed by ${signer}`);
  const place = { ordinal: 0n, codec, plainLength, bound: sha256(stubBytes) };
  const body = decode(codec, unseal(header.recordKey, header, place, sealed), plainLength);
  const stub = JSON.parse(stubBytes);
  check(stub.id === id, `${path} is the manifest of ${stub.id}`);
  return { stub, files: JSON.parse(body).files };
}

// Section 4: packs.
function loadPacks(repository, key) {
  const copies = new Map();
  const names = fs.readdirSync(join(repository, "packs"), { recursive: true });
  for (const name of names.filter((name) => name.endsWith(".pk")))
    try {
      for (const copy of readTrailer(join(repository, "packs", name), key))
        copies.set(copy.id, [...(copies.get(copy.id) ?? []), copy]);
    } catch (error) {
      console.error(`left out: ${error.message}`);
    }
  return copies;
}

function readAt(path, position, length) {
  const [file, bytes] = [fs.openSync(path, "r"), Buffer.alloc(length)];
  try {
    check(fs.readSync(file, bytes, 0, length, position) === length, `${path} is cut short`);
    return bytes;
  } finally {
    fs.closeSync(file);
  }
}

function readTrailer(path, key) {
  const { size } = fs.statSync(path);
  check(size >= 128 && size <= 128 * MiB, `${path} has ${size} bytes`);
  const header = openHeader(readAt(path, 0, Math.min(16384, size)), "LSRP", key, path);
  const footer = readAt(path, size - 8, 8);
  const length = footer.readUInt32LE();
  const isEnd = footer.toString("latin1", 4) === "LSRE" && length <= Math.min(16 * MiB, size - 8);
  check(isEnd, `${path} has no end`);
  const place = { ordinal: 2n ** 64n - 1n, codec: 255, plainLength: length - 16 };
  const plain = unseal(header.trailerKey, header, place, readAt(path, size - 8 - length, length));
  const { take, number, u64 } = cursor(plain, path);
  return Array.from({ length: Math.min(number(4), plain.length / 52) }, (_, n) => {
    const copy = { path, header, ordinal: BigInt(n), id: take(32).toString("hex"), offset: u64() };
    const [stored, plainLength, codec, hasBase] = [number(4), number(4), number(1), number(3)];
    check(plainLength <= MiB && stored <= MiB + 4096, `${path} has a record of ${stored} bytes`);
    return { ...copy, stored, plainLength, codec, ...(hasBase && { bound: take(32) }) };
  });
}

/** Any copy of a chunk that opens. Its file's SHA-256 has the last word. */
function readChunk(copies, id, mayBeDelta = true) {
  const failures = [];
  for (const copy of copies.get(id) ?? [])
    try {
      const sealed = readAt(copy.path, copy.offset, copy.stored + 16);
      const bytes = unseal(copy.header.recordKey, copy.header, copy, sealed);
      check(!copy.bound || mayBeDelta, "a delta of a delta");
      const base = copy.bound && readChunk(copies, copy.bound.toString("hex"), false);
      return decode(copy.codec, bytes, copy.plainLength, base);
    } catch (error) {
      failures.push(`${copy.path}: ${error.message}`);
    }
  throw new Error(`chunk ${id} cannot be read; ${failures.join("; ") || "it is in no pack"}`);
}

// Section 5: codecs.
function decode(codec, bytes, length, base) {
  if (codec === 4 && base?.length === length && bytes[0] < 4)
    return decode(bytes[0], bytes.subarray(1), length).map((byte, i) => byte ^ base[i]);
  check(codec <= 3, `codec ${codec} is unknown or lacks its base`);
  const plain = decoders[codec](bytes, length);
  check(plain.length === length, `codec ${codec} gave ${plain.length} bytes, not ${length}`);
  return plain;
}

function decodePlanes(bytes, length) {
  const [width, isRotated] = [bytes[0] & 15, bytes[0] >= 128];
  check([1, 2, 4, 8].includes(width), `planes of ${width} bytes`);
  const [count, plain] = [Math.floor(length / width), Buffer.alloc(length)];
  const { take, number, at } = cursor(bytes, "a record", 1);
  const planes = Array.from({ length: width }, () => decodePlane(number(1), take(number(4)), count));
  for (const [k, plane] of planes.entries()) {
    const above = planes.at(k - 1);
    for (let i = 0, to = width - 1 - k; i < count; i++, to += width)
      plain[to] = isRotated ? (plane[i] >> 1) | (above[i] << 7) : plane[i];
  }
  const isWhole = planes.every((plane) => plane.length === count);
  check(isWhole && bytes.length - at() === length - count * width, "planes of another length");
  bytes.copy(plain, count * width, at());
  return plain;
}

function decodePlane(method, bytes, count) {
  check(method <= 3, `plane method ${method} is unknown`);
  return [decoders[0], inflate, decodeHuffman, decoders[3]][method](bytes, count);
}

function decodeHuffman(bytes, count) {
  // From a code's length and its bits, the first bit highest, to its symbol.
  const symbols = new Map();
  const lengthOf = (symbol) => (bytes[symbol >> 1] >> (4 * (symbol & 1))) & 15;
  for (let bits = 1, code = 0; bits <= 12; bits++, code *= 2)
    for (let symbol = 0; symbol < 256; symbol++)
      if (lengthOf(symbol) === bits) symbols.set(bits * 4096 + code++, symbol);
  const [plane, quarter] = [Buffer.alloc(count), Math.ceil(count / 4)];
  const streams = cursor(bytes, "a plane", 144);
  for (let k = 0; k < 4; k++) {
    const stream = streams.take(bytes.readUInt32LE(128 + 4 * k));
    let bit = 0;
    for (let i = Math.min(count, k * quarter); i < Math.min(count, (k + 1) * quarter); i++) {
      let [code, length, symbol] = [0, 0, undefined];
      for (; symbol === undefined && length < 12 && bit < stream.length * 8; bit++) {
        code = code * 2 + ((stream[bit >> 3] >> (bit & 7)) & 1);
        symbol = symbols.get(++length * 4096 + code);
      }
      check(symbol !== undefined, "bits that are no code");
      plane[i] = symbol;
    }
  }
  return plane;
}

/** Into a folder that is empty, so that nothing is overwritten; links last, so that nothing is written through one. */
function restore(files, to, copies) {
  fs.mkdirSync(to, { recursive: true });
  check(fs.readdirSync(to).length === 0, `${to} is not empty`);
  let failed = 0;
  for (const kind of ["dir", "file", "link"])
    for (const entry of files.filter((entry) => entry.kind === kind))
      try {
        restoreEntry(to, entry, copies);
      } catch (error) {
        failed++;
        console.error(`${entry.path}: ${error.message}`);
      }
  check(failed === 0, `${failed} of ${files.length} not restored`);
  console.log(`${files.length} restored to ${to}`);
}

function restoreEntry(to, { path, kind, target, mode, chunks, sha256 }, copies) {
  const isSafe = !/[\0\\]/.test(path) && path.split("/").every((part) => !["", ".", ".."].includes(part));
  check(isSafe, "a path that leads out of the tree");
  const place = join(to, path);
  fs.mkdirSync(kind === "dir" ? place : dirname(place), { recursive: true });
  if (kind === "link") {
    const isInside = !posix.isAbsolute(target) && !/^\.\.(\/|$)/.test(posix.join(dirname(path), target));
    check(isInside, `a link that leads out of the tree, to ${target}`);
    fs.symlinkSync(target, place);
  }
  if (kind !== "file") return;
  const [file, digest] = [fs.openSync(`${place}.partial`, "wx", mode & 0o777), crypto.createHash("sha256")];
  const refs = Buffer.from(chunks, "base64");
  for (let at = 0; at < refs.length; at += 36) {
    const bytes = readChunk(copies, refs.toString("hex", at, at + 32));
    digest.update(bytes);
    fs.writeSync(file, bytes);
  }
  fs.fsyncSync(file);
  fs.closeSync(file);
  check(!sha256 || digest.digest("hex") === sha256, "its SHA-256 is not the manifest's");
  fs.renameSync(`${place}.partial`, place);
}
