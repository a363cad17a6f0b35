import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join, relative } from "node:path";

export const user = { name: "locum", id: 65_532, home: "/var/lib/locum" };

/** State, snapshots, and the tokens that a collector makes for the sidecars of its machine: a volume may be at each. */
const folders = ["var/lib/locum", "var/lib/locum-snapshots", "var/lib/locum-tokens"];

/** What of each package goes into an image; of every one also its licence. */
const wanted = {
  "base-files": /^usr\/lib\/os-release$/,
  libc6: /^(lib64\/ld-linux|lib\/[^/]+\/(ld-linux|lib(c|m|dl|pthread|rt|resolv|nss_dns|nss_files)\.so))/,
  libatomic1: /\/libatomic\.so/,
  "libgcc-s1": /\/libgcc_s\.so/,
  "libstdc++6": /^usr\/lib\/[^/]+\/libstdc\+\+\.so[.\d]*$/,
};

/** The operating system of an image, as entries of a layer: a libc, certificates, one user, no shell. */
export async function systemEntries(packages) {
  const entries = [
    text(
      "etc/passwd",
      `root:x:0:0:root:/:/nonexistent\n${user.name}:x:${user.id}:${user.id}::${user.home}:/nonexistent\n`,
    ),
    text("etc/group", `root:x:0:\n${user.name}:x:${user.id}:\n`),
    text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    { path: "etc/os-release", mode: 0o777, link: "../usr/lib/os-release" },
    { path: "tmp", mode: 0o1777 },
    ...folders.map((path) => ({
      path,
      mode: 0o700,
      uid: user.id,
      gid: user.id,
    })),
  ];
  for (const { name, root, control } of packages) {
    // Where scanners of images look for what is installed.
    entries.push(text(`var/lib/dpkg/status.d/${name.replace(/[^a-z0-9-]/g, "_")}`, control));
    const copyright = `usr/share/doc/${name}/copyright`;
    for (const path of await pathsBelow(root))
      if (wanted[name]?.test(path) || path === copyright) entries.push(await entryOf(root, path));
    if (name === "ca-certificates")
      entries.push(text("etc/ssl/certs/ca-certificates.crt", await authorities(root)));
  }
  return entries;
}

/** One file of all authorities, as update-ca-certificates writes it. */
async function authorities(root) {
  const folder = join(root, "usr/share/ca-certificates");
  const files = (await pathsBelow(folder)).filter((path) => path.endsWith(".crt"));
  const texts = await Promise.all(files.map((path) => readFile(join(folder, path), "utf8")));
  return texts.map((one) => `${one.trimEnd()}\n`).join("");
}

async function pathsBelow(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort();
}

async function entryOf(root, path) {
  const file = join(root, path);
  const stats = await lstat(file);
  if (stats.isSymbolicLink()) return { path, mode: 0o777, link: await readlink(file) };
  return { path, mode: stats.mode & 0o755, file };
}

const text = (path, data) => ({ path, mode: 0o644, data: Buffer.from(data) });
