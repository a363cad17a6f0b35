import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import type { ManifestFile } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { progressLine } from "../progress-line.ts";
import { accessRepository, repositoryFlags } from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { exportOci } from "../snapshot/export-oci.ts";
import { exportTar } from "../snapshot/export-tar.ts";
import { exportTree } from "../snapshot/export-tree.ts";
import { findSnapshot } from "../snapshot/find-snapshot.ts";
import { openReader } from "../snapshot/open-snapshot.ts";
import { refuseNested } from "../snapshot/refuse-beside.ts";
import { visible } from "../table.ts";

const forms = ["dir", "tar", "oci"] as const;
type Form = (typeof forms)[number];

export const snapshotExport = defineCommand({
  usage: "snapshot export ID --repository PLACE --to DIR",
  about:
    "A snapshot in the clear, for elsewhere: a plain folder, a tar file, or an OCI image layout that holds a ModelPack artifact, which skopeo and oras copy to a registry. Every file is compared with its SHA-256; the target is whole or not there, and never written over. What it writes is not encrypted.",
  examples: [
    ["locum snapshot export digits/last-verified -r /backup/models --to /srv/digits-old", "a folder"],
    ["locum snapshot export 01KB... -r /backup/models --to digits.tar", "a tar file, by its name"],
    ["locum snapshot export digits/latest -r /backup/models --as oci --to digits-oci", "for a registry"],
    [
      "locum snapshot export digits/latest -r /backup/models --to digits --signature digits.sig",
      "then: model_signing verify key --public_key ci.pub --signature digits.sig digits",
    ],
  ],
  flags: {
    ...repositoryFlags,
    to: { kind: "text", required: true, about: "folder or file that is not there yet" },
    as: { kind: "text", about: "dir, tar or oci; tar for a name that ends so, else dir" },
    signature: {
      kind: "text",
      about: "file for the signature that create --signer made, as OpenSSF model signing reads it",
    },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [id], io, out }) {
    const form = formOf(flags.as, flags.to);
    const target = resolve(io.cwd, flags.to);
    const access = await accessRepository(flags, io);
    await refuseNested(access.place, target);
    const found = await findSnapshot(access, id);
    const reader = await openReader(access, { verb: "export", snapshots: [found.id] });
    const { stub, body } = await reader.manifest(found.id);
    if (flags.signature !== undefined && !body.bundle)
      throw new Fault("not-found", `snapshot ${found.id} was not signed`, {
        hint: "locum snapshot create --signer KEY signs one.",
      });
    const show = progressLine(io, out);
    let bytes = 0;
    async function* read(file: ManifestFile): AsyncGenerator<Uint8Array> {
      for await (const chunk of reader.chunksOf(file)) {
        io.signal.throwIfAborted();
        yield chunk;
        bytes += chunk.length;
        show(`writing  ${bytesText(bytes)} of ${bytesText(stub.bytes)}`);
      }
    }
    let oci: Awaited<ReturnType<typeof exportOci>> | undefined;
    if (form === "dir") await exportTree(body.files, target, read);
    else if (form === "tar") await exportTar(body.files, target, read);
    else oci = await exportOci({ stub, entries: body.files }, target, read);
    if (flags.signature !== undefined)
      await writeFileAtomic(resolve(io.cwd, flags.signature), JSON.stringify(body.bundle));
    show("");
    out.say(
      `${out.paint("good", "exported")}  ${stub.id} of ${stub.model}, ${stub.files} files, ${bytesText(bytes)}`,
    );
    out.say(`to        ${target}${oci ? ` (${oci.digest})` : ""}`);
    if (stub.torn) out.say(out.paint("warn", "It is torn: a source changed while it was read."));
    for (const path of oci?.leftOut ?? []) out.say(`left out: ${visible(path)}, a link to no file`);
    out.summary({
      id: stub.id,
      model: stub.model,
      form,
      to: target,
      files: stub.files,
      bytes,
      torn: stub.torn,
      ...oci,
    });
    return 0;
  },
  untilSignal: true,
});

function formOf(text: string | undefined, to: string): Form {
  if (text === undefined) return to.endsWith(".tar") ? "tar" : "dir";
  const form = forms.find((each) => each === text);
  if (form) return form;
  throw new Fault("usage", `--as ${text.slice(0, 40)}: expected one of ${forms.join(", ")}`, {
    hint: "An OCI layout holds a ModelPack artifact.",
  });
}
