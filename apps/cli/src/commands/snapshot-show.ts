import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { chunkRefs, type Manifest, readSnapshot, type Stub } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Output } from "../output.ts";
import {
  type Access,
  accessRepository,
  openAccessed,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { findSnapshot } from "../snapshot/find-snapshot.ts";
import { readSignerPublic } from "../snapshot/read-signer.ts";
import { useKey } from "../snapshot/use-key.ts";
import { timeText } from "../span-text.ts";
import { visible } from "../table.ts";

export const snapshotShow = defineCommand({
  usage: "snapshot show ID --repository PLACE",
  about:
    "What a snapshot holds: files, how each was understood, tensors, the server's flags and state. Without a private key only what stands in the clear.",
  examples: [
    ["locum snapshot show 01KB... -r /backup/models", "an id, or the beginning of one"],
    ["locum snapshot show digits/latest -r /backup/models --key ops.key --tensors", "with every tensor"],
    ["locum snapshot show digits/latest -r /backup/models --signer ci.pub", "and who signed it"],
  ],
  flags: {
    ...repositoryFlags,
    tensors: { kind: "switch", about: "every tensor of every file" },
    signer: { kind: "text", about: "EC P-256 public key in PEM that must have signed it" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [id], io, out }) {
    const access = await accessRepository(flags, io);
    const signer =
      flags.signer === undefined ? undefined : await readSignerPublic(resolve(io.cwd, flags.signer));
    const stub = await findSnapshot(access, id);
    const manifest = await read(access, stub, {
      isAsked: flags.key !== undefined || signer !== undefined,
      signer,
    });
    showStub(out, stub);
    if (!manifest) out.say("Its files are sealed: --key FILE, the private key of a recipient, shows them.");
    else showBody(out, manifest, flags.tensors);
    const files = manifest?.body.files.map((entry) =>
      entry.kind === "file" ? { ...entry, chunks: chunkRefs(entry).length } : entry,
    );
    for (const file of files ?? []) out.event({ kind: "entry", entry: file });
    out.summary({ ...stub, isOpened: manifest !== undefined, state: manifest?.body.state ?? null });
    return 0;
  },
});

/** Undefined where nobody asked for a key and none at hand opens it. */
async function read(
  access: Access,
  { id }: Stub,
  { isAsked, signer }: { isAsked: boolean; signer: Awaited<ReturnType<typeof readSignerPublic>> | undefined },
): Promise<Manifest | undefined> {
  if (!access.opener) {
    if (!signer) return undefined;
    throw new Fault("not-authorised", "a signature is shown together with what it signs: name --key as well");
  }
  try {
    const repository = await openAccessed(access);
    const opener = await useKey(access, repository, { verb: "show", snapshots: [id] });
    return await readSnapshot(repository, id, { opener, ...(signer && { signer }) });
  } catch (error) {
    if (!isAsked && error instanceof Fault && error.code === "not-authorised") return undefined;
    throw error;
  }
}

function showStub(out: Output, { id, model, capturedAt, files, bytes, parent, torn, signer }: Stub): void {
  out.say(`${out.paint("bold", id)}  ${model}${torn ? out.paint("warn", "  TORN") : ""}`);
  out.say(`captured  ${timeText(Date.parse(capturedAt))} UTC`);
  out.say(`holds     ${files} files, ${bytesText(bytes)}`);
  out.say(`parent    ${parent === null ? "none" : visible(parent)}`);
  out.say(`signed    ${signer === null ? "no" : `by ${visible(signer.slice(0, 16))}`}`);
}

function showBody(out: Output, { body }: Manifest, withTensors: boolean): void {
  out.say("");
  out.table(
    ["size", "read as", "chunks", "tensors", "path"],
    body.files.map((entry) => {
      if (entry.kind === "dir") return ["", "folder", "", "", `${entry.path}/`];
      if (entry.kind === "link") return ["", "link", "", "", `${entry.path} -> ${entry.target}`];
      const { size, parser, tensors, path } = entry;
      return [bytesText(size), parser, chunkRefs(entry).length, tensors.length || "", path];
    }),
  );
  if (withTensors)
    for (const entry of body.files)
      if (entry.kind === "file" && entry.tensors.length > 0) {
        out.say(`\n${visible(entry.path)}`);
        out.table(
          ["bytes", "dtype", "shape", "tensor"],
          entry.tensors.map(({ name, dtype, shape, length }) => [
            length,
            dtype,
            `[${shape.join(", ")}]`,
            name,
          ]),
        );
      }
  out.say("\nstate");
  for (const line of JSON.stringify(body.state, null, 2).split("\n")) out.say(`  ${visible(line)}`);
}
