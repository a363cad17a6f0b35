import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { captureTree } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { accessRepository, needWriter, openAccessed, placeFlags } from "../snapshot/access-repository.ts";
import { captureTar } from "../snapshot/capture-tar.ts";
import { readSigner } from "../snapshot/read-signer.ts";
import { refuseNested } from "../snapshot/refuse-beside.ts";
import { modelName, parentOf, reportTaken, takeSnapshot } from "../snapshot/take-snapshot.ts";

export const snapshotImport = defineCommand({
  usage: "snapshot import SOURCE --repository PLACE --name MODEL",
  about:
    "A folder or an uncompressed tar file from elsewhere, as a snapshot. A tar file is read in place: nothing is unpacked, and names that lead out of it are refused.",
  examples: [
    ["locum snapshot import old-models/digits -r /backup/models --name digits", "a copy that lay about"],
    [
      "locum snapshot import digits.tar -r /backup/models --name digits",
      "what export wrote, or anybody's tar",
    ],
  ],
  flags: {
    ...placeFlags,
    name: { kind: "text", required: true, about: "the model's name: a-z, 0-9, ., _ and -" },
    parent: { kind: "text", fallback: "auto", about: "auto (the model's latest), none, or an id" },
    signer: { kind: "text", about: "EC P-256 private key in PEM that signs the manifest" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [given], io, out }) {
    if (given === undefined) throw new Fault("usage", "expected a folder or a tar file, found nothing");
    const model = modelName(flags.name);
    const source = resolve(io.cwd, given);
    const access = await accessRepository(flags, io);
    needWriter(access);
    await refuseNested(access.place, source);
    const signer = flags.signer === undefined ? undefined : await readSigner(resolve(io.cwd, flags.signer));
    const kind = await kindOf(source);
    const repository = await openAccessed(access);
    const parent = await parentOf(access, repository, { model, parent: flags.parent });
    const capture = kind === "dir" ? await captureTree({ root: source }) : await captureTar(source);
    if (capture.files.length === 0) {
      await capture.close();
      throw new Fault("not-found", `${source} holds no file of a model`, { hint: "Nothing was stored." });
    }
    const state = { imported: { from: basename(source), as: kind } };
    const taken = await takeSnapshot({ access, repository, capture, model, parent, state, signer, io, out });
    return reportTaken(taken, { model, out });
  },
  untilSignal: true,
});

async function kindOf(source: string): Promise<"dir" | "tar"> {
  const found = await stat(source).catch((cause: unknown) => {
    throw new Fault("not-found", `${source} cannot be read: ${(cause as Error).message}`, {
      hint: "Name a folder or an uncompressed tar file.",
      cause,
    });
  });
  if (found.isDirectory()) return "dir";
  if (found.isFile()) return "tar";
  throw new Fault("request-invalid", `${source} is neither a folder nor a file`);
}
