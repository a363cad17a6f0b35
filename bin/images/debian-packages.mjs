import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the node binary is linked with, the certificates, and the file that tells scanners which Debian this is. */
export const names = ["base-files", "ca-certificates", "libatomic1", "libc6", "libgcc-s1", "libstdc++6"];

/** Null where this machine can bring them, else why not. */
export function missing({ debs } = {}) {
  if (process.platform !== "linux") return "images are built on Linux";
  for (const program of debs ? ["dpkg-deb"] : ["apt-get", "dpkg-deb"])
    if (spawnSync(program, ["--version"]).error)
      return `${program} is not installed: images are built on Debian or Ubuntu`;
  return null;
}

/**
 * Downloads the packages, whose signatures apt checks, and unpacks each into a folder of its own. `debs` names a folder
 * that holds them already: then nothing is downloaded, and the same files give the same images.
 */
export async function unpackPackages({ dir, debs }) {
  const folder = debs ?? join(dir, "debs");
  await mkdir(folder, { recursive: true });
  const download = (...wanted) => run("apt-get", ["--quiet", "download", ...wanted], { cwd: folder });
  if (debs === undefined) download(...names);
  const licences = await licencePackage(folder);
  if (debs === undefined) download(licences);
  const files = await readdir(folder);
  return Promise.all(
    [...names, licences].map(async (name) => {
      const [file, other] = files.filter((one) => one.startsWith(`${name}_`) && one.endsWith(".deb"));
      if (!file || other)
        throw new Error(`${folder}: expected one ${name}_*.deb, found ${other ? "several" : "none"}`);
      const path = join(folder, file);
      const control = run("dpkg-deb", ["--field", path]);
      const root = join(dir, "unpacked", name);
      await mkdir(root, { recursive: true });
      run("dpkg-deb", ["--extract", path, root]);
      const sha256 = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      return {
        name,
        version: field(control, "Version"),
        architecture: field(control, "Architecture"),
        control,
        root,
        sha256,
      };
    }),
  );
}

/** The licence of the compiler's libraries stands in a package whose name has the compiler's version. */
async function licencePackage(folder) {
  const file = (await readdir(folder)).find((one) => one.startsWith("libgcc-s1_")) ?? "";
  const name = /\bgcc-\d+-base\b/.exec(run("dpkg-deb", ["--field", join(folder, file), "Depends"]))?.[0];
  if (!name) throw new Error(`${file}: expected a dependency on gcc-N-base`);
  return name;
}

const field = (control, name) => new RegExp(`^${name}: (.+)$`, "m").exec(control)?.[1] ?? "";

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", ...options });
  if (status !== 0) throw new Error(`${program} ${args[0]} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
