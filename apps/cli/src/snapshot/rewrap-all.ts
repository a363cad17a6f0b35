import { Fault } from "@locum/contracts";
import { type Recipient, type Repository, type Rewrapped, rewrapKeys } from "@locum/snapshot/repository";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import { progressLine } from "../progress-line.ts";
import { visible } from "../table.ts";
import type { Access } from "./access-repository.ts";
import { noteKeyEvent, useKey } from "./use-key.ts";

export type RewrapCounts = Record<Rewrapped["outcome"], number>;

/**
 * What is stored already, made readable to these too, and told. Who stops it loses nothing: the next run goes on.
 * @throws Fault not-authorised: no private key, or one that opens nothing
 */
export async function rewrapAll(
  access: Access,
  repository: Repository,
  { recipients, io, out }: { recipients: readonly Recipient[]; io: Io; out: Output },
): Promise<RewrapCounts> {
  const opener = await useKey(access, repository, { verb: "rotate" });
  const show = progressLine(io, out);
  const counts: RewrapCounts = { rewrapped: 0, already: 0, gone: 0, failed: 0 };
  let [files, refused] = [0, 0];
  const onFile = (file: Rewrapped): void => {
    counts[file.outcome]++;
    show(`keys  ${++files} files`);
    if (file.outcome !== "failed") return;
    if (file.fault.code === "not-authorised") refused++;
    out.say(`${out.paint("bad", "failed")}  ${visible(file.name)}: ${visible(file.fault.message)}`);
    out.event({ kind: "failed", name: file.name, code: file.fault.code, message: file.fault.message });
  };
  await rewrapKeys(repository, { opener, recipients, onFile, signal: io.signal });
  show("");
  const ids = recipients.map(({ id }) => Buffer.from(id).toString("hex"));
  const { rewrapped, already, failed } = counts;
  if (rewrapped > 0)
    await noteKeyEvent(access, repository, {
      kind: "rotated",
      details: { recipients: ids, files: rewrapped, failed },
    });
  out.say(
    `${rewrapped} files are readable to all of them now, ${already} were, ${failed} could not be opened`,
  );
  if (files > 0 && refused === files)
    throw new Fault("not-authorised", "this key opens nothing that is stored", {
      hint: "Give the private key of somebody who can read it: locum snapshot keys ls shows who can.",
    });
  return counts;
}
