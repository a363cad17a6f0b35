import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { captureInstance } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Io } from "../io.ts";
import { oneOf } from "../one-of.ts";
import {
  accessRepository,
  needWriter,
  openAccessed,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { openBase } from "../snapshot/open-base.ts";
import { openHooks } from "../snapshot/open-hooks.ts";
import { readSigner } from "../snapshot/read-signer.ts";
import { refuseNested } from "../snapshot/refuse-beside.ts";
import { modelName, parentOf, reportTaken, takeSnapshot } from "../snapshot/take-snapshot.ts";
import { visible } from "../table.ts";
import { wholeNumber } from "../whole-number.ts";

export const snapshotCreate = defineCommand({
  usage: "snapshot create --repository PLACE --model-dir DIR --name MODEL",
  about:
    "Takes a snapshot of a model folder, live: files, what is beside them, copies of databases, the server's flags and allowed environment. Stores what is new only; with --base-dir, or --base and a key, what is new of a fine-tune as differences. A file that changes while it is read is read again; if it never settles, the snapshot is torn: kept, exit 3, and never the last known good. Needs no private key but for --base without --base-dir.",
  examples: [
    [
      "locum snapshot create -r /backup/models --model-dir /srv/models/digits --name digits",
      "all of a folder",
    ],
    [
      "locum snapshot create -r /backup/models --model-dir /srv/m --name m --include /etc/vllm --pid 4711 --env CUDA_VISIBLE_DEVICES",
      "and what makes the server answer as it does",
    ],
    [
      "locum snapshot create -r /backup/models --model-dir /srv/m --name m --hooks hooks.yaml",
      "and its databases",
    ],
    [
      "locum snapshot create -r /backup/models --model-dir /srv/m/v2 --name m --base m/latest --base-dir /srv/m/v1",
      "a fine-tune, as differences against the version before",
    ],
    [
      "locum snapshot create -r /backup/models --model-dir /srv/m --name m --signer ci.key",
      "OpenSSF model signing",
    ],
  ],
  flags: {
    ...repositoryFlags,
    "model-dir": { kind: "text", required: true, about: "folder of the model" },
    name: { kind: "text", required: true, about: "the model's name: a-z, 0-9, ., _ and -" },
    include: { kind: "list", about: "folder or file beside it that belongs to the instance" },
    ignore: { kind: "list", about: "glob of what does not belong: logs/**, *.tmp" },
    parent: { kind: "text", fallback: "auto", about: "auto (the model's latest), none, or an id" },
    base: {
      kind: "text",
      about: "older snapshot to store differences against: id or MODEL/CHANNEL; wants --base-dir or a key",
    },
    "base-dir": { kind: "text", about: "folder that has its files still: an older version's, or a twin" },
    pid: { kind: "text", about: "process of the model server, for its flags and environment" },
    env: { kind: "list", about: "environment variable that may be captured; secrets never are" },
    hooks: { kind: "text", about: "YAML list of hooks: sqlite, postgresql, redis, qdrant" },
    signer: { kind: "text", about: "EC P-256 private key in PEM that signs the manifest" },
    digest: {
      kind: "text",
      fallback: "sha256",
      about: "of each file in the manifest: sha256, or blake3, which is faster and cannot be signed",
    },
  },
  async run({ flags, io, out }) {
    const model = modelName(flags.name);
    const pid = flags.pid === undefined ? undefined : wholeNumber("pid", flags.pid, { min: 1, max: 2 ** 31 });
    const access = await accessRepository(flags, io);
    needWriter(access);
    const modelDir = resolve(io.cwd, flags["model-dir"]);
    const include = flags.include.map((place) => resolve(io.cwd, place));
    for (const source of [modelDir, ...include]) await refuseNested(access.place, source);
    const digest = oneOf("digest", flags.digest, ["sha256", "blake3"] as const);
    const signer = flags.signer === undefined ? undefined : await readSigner(resolve(io.cwd, flags.signer));
    const repository = await openAccessed(access);
    const parent = await parentOf(access, repository, { model, parent: flags.parent });
    await using hooks = await openHooks(flags.hooks, io);
    const captured = await captureInstance({
      modelDir,
      ignore: flags.ignore,
      include,
      ...hooks.given,
      state: { served: {}, pid, env: flags.env },
      signal: io.signal,
    });
    if (captured.files.length === 0) {
      await captured.close();
      throw new Fault("not-found", `${modelDir} holds no file of a model`, {
        hint: "Nothing was stored: an empty snapshot would look like a good one.",
      });
    }
    const base = await openBase(
      { base: flags.base, baseDir: dirOf(flags["base-dir"], modelDir, io), model },
      { access, repository, files: captured.files },
    ).catch(async (error: unknown) => {
      await captured.close();
      throw error;
    });
    for (const { code, name } of captured.warnings) out.say(`  ${code}: ${visible(name)}`);
    for (const hook of captured.hooks)
      if (hook.outcome === "failed") out.say(`  hook ${hook.name} failed: ${visible(hook.reason)}`);
    out.event({ kind: "captured", warnings: captured.warnings, hooks: captured.hooks });
    const { state, torn } = captured;
    const taken = await takeSnapshot({
      access,
      repository,
      capture: captured,
      model,
      parent,
      torn,
      state,
      signer,
      digest,
      base,
      io,
      out,
    });
    return reportTaken(taken, { model, out });
  },
  untilSignal: true,
});

/** @throws Fault usage: what is captured is no older version of itself */
function dirOf(baseDir: string | undefined, modelDir: string, { cwd }: Io): string | undefined {
  if (baseDir === undefined) return undefined;
  const dir = resolve(cwd, baseDir);
  if (dir !== modelDir) return dir;
  throw new Fault("usage", `--base-dir: ${dir} is the model's own folder, expected an older version's`);
}
