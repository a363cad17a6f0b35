// `npm run bundle:offline`: everything that a machine without a network needs, in one file that it verifies before it
// unpacks: dist/locum-offline-<version>-<system>.tar.gz, signed with the operator's key or with --key FILE.
import { spawnSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { operatorKeyFile, readOperatorKey } from "../apps/cli/src/operator-key.ts";
import { machineFiles } from "../apps/cli/src/systemd/unit-files.ts";
import { billOfMaterials } from "./images/bill-of-materials.mjs";
import { nativeFiles } from "./images/native-files.mjs";
import { tarOf } from "./images/tar.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const programs = ["cli", "sidecar", "collector", "front"];
const shared = ["systemd", "haproxy", "compose", "logrotate"];

const { values: flags } = parseArgs({
  options: { key: { type: "string" }, out: { type: "string" }, help: { type: "boolean" } },
});
if (flags.help) {
  console.log(`npm run bundle:offline -- [--key FILE] [--out DIR]

  --key FILE   Ed25519 private key in PEM, mode 0600; the operator's key if it is not given
  --out DIR    instead of dist`);
} else
  await main().catch((error) => {
    console.error(`${error.code ?? "error"}: ${error.message}${error.hint ? `\nhint: ${error.hint}` : ""}`);
    process.exitCode = 1;
  });

async function main() {
  const env = (name) => process.env[name] || undefined;
  const key = await readOperatorKey(flags.key ?? operatorKeyFile({ env, home: homedir() }));
  const { status } = spawnSync(process.execPath, [join(root, "bin/build.mjs"), ...programs], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the bundles were not built");
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const epoch = Number(env("SOURCE_DATE_EPOCH") ?? committedAt());
  const name = `locum-offline-${version}-${process.platform}-${process.arch}`;
  const payload = await packed(await payloadEntries({ version, epoch }), epoch);
  const installer = await readFile(join(root, "deploy/offline/install.sh"));
  const sums = Buffer.from(`${sha256(installer)}  install.sh\n${sha256(payload)}  payload.tar\n`);
  const inFolder = (path, data, mode = 0o644) => ({ path: `${name}/${path}`, mode, data });
  const bundle = await packed(
    [
      inFolder("install.sh", installer, 0o755),
      inFolder("payload.tar", payload),
      inFolder(
        "release.pub",
        createPublicKey(createPrivateKey(key.pem)).export({ format: "pem", type: "spki" }),
      ),
      inFolder("SHA256SUMS", sums),
      inFolder("SHA256SUMS.sig", sign(null, sums, key.pem)),
    ],
    epoch,
  );
  const out = flags.out ?? join(root, "dist");
  await mkdir(out, { recursive: true });
  const file = join(out, `${name}.tar.gz`);
  const zipped = gzipSync(bundle, { level: 9 });
  zipped[9] = 255;
  await writeFile(file, zipped);
  console.log(`${file} ${(zipped.length / 1e6).toFixed(1)} MB\nsigned by ${key.approver.publicKey}`);
}

async function payloadEntries({ version, epoch }) {
  const node = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  const file = (path, from, mode = 0o644) => ({ path, mode, file: from });
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const inputs = await Promise.all(
    programs.map((name) => readFile(join(root, `dist/${name}/main.meta.json`), "utf8")),
  );
  const native = await nativeFiles("lib");
  const bill = billOfMaterials({
    ...{ name: "offline", version, lock, packages: [], node: `node-${process.platform}-${process.arch}` },
    created: new Date(epoch * 1000).toISOString(),
    inputs: [...inputs.flatMap((one) => JSON.parse(one)), ...native.inputs],
  });
  return [
    { path: "VERSION", mode: 0o644, data: Buffer.from(version) },
    file("bin/locum", join(root, "deploy/offline/locum"), 0o755),
    file("lib/node", node, 0o755),
    file("share/licenses/node/LICENSE", join(dirname(node), "../LICENSE")),
    ...programs.map((name) => file(`lib/${name}.cjs`, join(root, `dist/${name}/main.cjs`))),
    ...native.entries,
    ...programs
      .map((name) => file(`share/licenses/${name}.LEGAL.txt`, join(root, `dist/${name}/main.cjs.LEGAL.txt`)))
      .filter((entry) => existsSync(entry.file)),
    ...(await Promise.all(shared.map((folder) => filesOf(`deploy/${folder}`, `share/${folder}`)))).flat(),
    ...Object.entries(machineFiles).map(([path, text]) => ({
      path: `share/${path}`,
      mode: 0o644,
      data: Buffer.from(text),
    })),
    {
      path: "share/bill-of-materials.cdx.json",
      mode: 0o644,
      data: Buffer.from(`${JSON.stringify(bill, null, 2)}\n`),
    },
  ];
}

async function filesOf(from, to) {
  const folder = join(root, from);
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return { path: `${to}/${relative(folder, file)}`, mode: name.endsWith(".sh") ? 0o755 : 0o644, file };
    });
}

async function packed(entries, mtime) {
  return Buffer.concat(await Array.fromAsync(tarOf(entries, { mtime })));
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

function committedAt() {
  const { status, stdout } = spawnSync("git", ["log", "-1", "--format=%ct"], { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : 0;
}
