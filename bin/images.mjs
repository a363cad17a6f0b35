// `npm run images`: OCI images without an engine, from Debian packages and the node binary that npm brought. Written as
// OCI layouts, dist/images/<component>, with a bill of materials beside each. The same sources, packages and
// SOURCE_DATE_EPOCH (the last commit's time, if it is not set) give the same digests.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { billOfMaterials } from "./images/bill-of-materials.mjs";
import { components, entrypointOf, env, labelsOf } from "./images/components.mjs";
import { missing, unpackPackages } from "./images/debian-packages.mjs";
import { nativeFiles } from "./images/native-files.mjs";
import { archiveOf, layerOf, writeOciLayout } from "./images/oci-layout.mjs";
import { systemEntries, user } from "./images/system-layer.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Programs that take, read or look after snapshots. */
const withNative = ["sidecar", "collector", "cli"];
const bomType = "application/vnd.cyclonedx+json";
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string" },
    debs: { type: "string" },
    archive: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (flags.help) {
  console.log(`npm run images -- [${Object.keys(components).join("|")} ...] [--out DIR] [--debs DIR] [--archive]

  --out DIR    instead of dist/images
  --debs DIR   Debian packages that are there already, instead of a download
  --archive    each image also as one file, <component>.tar`);
  process.exit(0);
}
const reason = missing(flags);
if (reason) {
  console.log(`no images: ${reason}`);
  process.exit(0);
}
await main();

async function main() {
  const out = flags.out ?? join(root, "dist/images");
  const built = positionals.length > 0 ? positionals : Object.keys(components).filter(hasSource);
  const unknown = built.find((name) => !components[name]);
  if (unknown)
    throw new Error(`there is no image ${unknown}; there are ${Object.keys(components).join(", ")}`);
  bundle(built);
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? git("log", "-1", "--format=%ct") ?? 0);
  const dir = await mkdtemp(join(tmpdir(), "locum-images-"));
  try {
    const packages = await unpackPackages({ dir, debs: flags.debs });
    const shared = [
      await layerOf(await systemEntries(packages), {
        epoch,
        comment: "Debian: libc, certificates, one user",
      }),
      await layerOf(await nodeEntries(), { epoch, comment: "node" }),
    ];
    await mkdir(out, { recursive: true });
    for (const name of built) await buildImage({ name, out, epoch, packages, shared });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function buildImage({ name, out, epoch, packages, shared }) {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const created = new Date(epoch * 1000).toISOString();
  const { version } = lock.packages[""];
  const native = withNative.includes(name) ? await nativeFiles("opt/locum") : { entries: [], inputs: [] };
  const bill = billOfMaterials({
    ...{
      name,
      version,
      created,
      lock,
      packages,
      node: nodePackage(),
      distribution: distributionOf(packages),
    },
    inputs: [
      ...JSON.parse(await readFile(join(root, `dist/${name}/main.meta.json`), "utf8")),
      ...native.inputs,
    ],
  });
  const bytes = Buffer.from(`${JSON.stringify(bill, null, 2)}\n`);
  const dir = join(out, name);
  const image = await writeOciLayout({
    dir,
    epoch,
    tag: version,
    platform: { architecture: { x64: "amd64" }[process.arch] ?? process.arch, os: "linux" },
    layers: [
      ...shared,
      await layerOf([...programEntries(name), ...native.entries], { epoch, comment: `locum ${name}` }),
    ],
    attached: [{ type: bomType, bytes }],
    config: {
      User: `${user.id}:${user.id}`,
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      Entrypoint: entrypointOf(name),
      WorkingDir: user.home,
      StopSignal: "SIGTERM",
      Labels: labelsOf(name, { version, revision: git("rev-parse", "HEAD") ?? "unknown", created }),
      ...(components[name].ports.length > 0
        ? { ExposedPorts: Object.fromEntries(components[name].ports.map((port) => [`${port}/tcp`, {}])) }
        : {}),
    },
  });
  await writeFile(`${dir}.cdx.json`, bytes);
  if (flags.archive) await writeFile(`${dir}.tar`, await archiveOf(dir, { epoch }));
  console.log(
    `${name} ${image.digest} ${(image.bytes / 1e6).toFixed(1)} MB compressed, ${bill.components.length} components`,
  );
}

function bundle(names) {
  const { status } = spawnSync(process.execPath, [join(root, "bin/build.mjs"), ...names], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the bundles were not built");
}

function programEntries(name) {
  const folder = join(root, "dist", name);
  const legal = join(folder, "main.cjs.LEGAL.txt");
  const program = { path: `opt/locum/${name}.cjs`, mode: 0o444, file: join(folder, "main.cjs") };
  return existsSync(legal)
    ? [program, { path: `opt/locum/${name}.LEGAL.txt`, mode: 0o444, file: legal }]
    : [program];
}

function nodePackage() {
  return `node-linux-${process.arch}`;
}

async function nodeEntries() {
  const require = createRequire(import.meta.url);
  const file = require.resolve(`${nodePackage()}/bin/node`);
  const licence = join(file, "../../LICENSE");
  return [
    { path: "usr/local/bin/node", mode: 0o755, file },
    ...(existsSync(licence) ? [{ path: "usr/share/doc/node/LICENSE", mode: 0o644, file: licence }] : []),
  ];
}

/** base-files has the release's number: 12.4+deb12u15 is of debian-12. */
function distributionOf(packages) {
  const { version = "" } = packages.find(({ name }) => name === "base-files") ?? {};
  return `debian-${Number.parseInt(version, 10)}`;
}

function git(...args) {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

function hasSource(name) {
  return existsSync(join(root, `apps/${name}/src/main.ts`));
}
