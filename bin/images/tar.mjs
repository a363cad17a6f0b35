import { readFile } from "node:fs/promises";

/**
 * A tar archive (POSIX ustar) whose bytes depend on nothing but its entries: sorted by path, one time stamp, numbers
 * for owners. Entries are `{ path, mode, uid, gid, data | file | link }`, a folder has none of the three. Folders on the
 * way that nobody listed are added, so that their owner and mode are not left to whoever unpacks.
 */
export async function* tarOf(entries, { mtime }) {
  for (const entry of withFolders(entries)) {
    const data = entry.file === undefined ? entry.data : await readFile(entry.file);
    const isFolder = data === undefined && entry.link === undefined;
    yield header(entry, {
      mtime,
      size: data?.length ?? 0,
      type: isFolder ? "5" : data === undefined ? "2" : "0",
    });
    if (data === undefined) continue;
    yield Buffer.from(data);
    yield Buffer.alloc((512 - (data.length % 512)) % 512);
  }
  yield Buffer.alloc(1024);
}

function withFolders(entries) {
  const all = new Map();
  for (const entry of entries) {
    const parts = entry.path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join("/");
      if (!all.has(path)) all.set(path, { path, mode: 0o755 });
    }
    all.set(entry.path, entry);
  }
  // By bytes, not by a locale's idea of order; a folder stands before what is in it.
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function header({ path, mode, uid = 0, gid = 0, link = "" }, { mtime, size, type }) {
  const block = Buffer.alloc(512);
  const name = type === "5" ? `${path}/` : path;
  const { head, prefix } = split(name);
  if (Buffer.byteLength(link) > 100)
    throw new Error(`${path}: the link to ${link} is too long for a tar header`);
  block.write(head, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(uid, 7), 108);
  block.write(octal(gid, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(mtime, 11), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write(link, 157);
  block.write("ustar\0" + "00", 257, "latin1");
  block.write(prefix, 345);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
    "latin1",
  );
  return block;
}

/** A path of up to 256 bytes stands in two fields that meet at a slash. */
function split(name) {
  if (Buffer.byteLength(name) <= 100) return { head: name, prefix: "" };
  for (let at = name.indexOf("/"); at > 0; at = name.indexOf("/", at + 1)) {
    const [prefix, head] = [name.slice(0, at), name.slice(at + 1)];
    if (head !== "" && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(head) <= 100)
      return { head, prefix };
  }
  throw new Error(`${name} is too long for a tar header`);
}

const octal = (value, digits) => {
  const text = value.toString(8);
  if (text.length > digits) throw new Error(`${value} does not fit into ${digits} octal digits`);
  return text.padStart(digits, "0");
};
