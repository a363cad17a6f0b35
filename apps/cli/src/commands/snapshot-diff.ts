import { exitCodes, Fault, faultTable } from "@locum/contracts";
import { diffManifests, type FileChange, type ManifestFile } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { type DiffLine, lineDiff } from "../inject/line-diff.ts";
import type { Output } from "../output.ts";
import { accessRepository, repositoryFlags } from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { findSnapshot } from "../snapshot/find-snapshot.ts";
import { openReader, type SnapshotReader } from "../snapshot/open-snapshot.ts";
import { visible } from "../table.ts";

/** A larger text is told as changed, not line by line. */
const textBytesMax = 1 << 20;

export const snapshotDiff = defineCommand({
  usage: "snapshot diff A B --repository PLACE",
  about:
    "What changed from one snapshot to another: tensors that changed, came or went, text configuration line by line, other files by their chunks, and the state that is no file. Exit 3 where anything did.",
  examples: [
    [
      "locum snapshot diff digits/last-verified digits/latest -r /backup/models",
      "since the last verified one",
    ],
    ["locum snapshot diff 01KA... 01KB... -r /backup/models --json", "for a script"],
  ],
  flags: repositoryFlags,
  positionalsMax: 2,
  async run({ flags, positionals: [first, second], io, out }) {
    const access = await accessRepository(flags, io);
    const [before, after] = [await findSnapshot(access, first), await findSnapshot(access, second)];
    const reader = await openReader(access, { verb: "diff", snapshots: [before.id, after.id] });
    const [a, b] = [await reader.manifest(before.id), await reader.manifest(after.id)];
    const changes = await diffManifests(a.body.files, b.body.files, {
      before: reader.range,
      after: reader.range,
    });
    for (const { files, ...change } of changes) {
      const hunks = files && change.tensors.length === 0 ? await textDiff(reader, files) : undefined;
      showChange(out, change, hunks);
      out.event({ kind: "change", ...change, ...(hunks && { hunks }) });
    }
    const state = lineDiff(stateText(a.body.state), stateText(b.body.state));
    if (state.length > 0) {
      out.say(out.paint("bold", "state"));
      showHunks(out, state);
      out.event({ kind: "state", hunks: state });
    }
    const tensors = changes.reduce((sum, change) => sum + change.tensors.length, 0);
    const isSame = changes.length === 0 && state.length === 0;
    out.say(isSame ? "no difference" : `${changes.length} files and ${tensors} tensors differ`);
    out.summary({
      from: before.id,
      to: after.id,
      isSame,
      files: changes.length,
      tensors,
      state: state.length > 0,
    });
    return isSame ? exitCodes.ok : faultTable["objective-missed"].exit;
  },
});

const stateText = (state: unknown): string => JSON.stringify(state, null, 2);

async function textDiff(
  reader: SnapshotReader,
  [before, after]: readonly [ManifestFile, ManifestFile],
): Promise<DiffLine[][] | undefined> {
  const texts: string[] = [];
  for (const file of [before, after]) {
    if (file.size > textBytesMax || file.tensors.length > 0) return undefined;
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await reader.range(file, 0, file.size));
      if (text.includes("\0")) return undefined;
      texts.push(text);
    } catch (error) {
      if (error instanceof Fault) throw error;
      return undefined;
    }
  }
  return lineDiff(texts[0] ?? "", texts[1] ?? "");
}

const marks = { added: "+", gone: "-", changed: "~", reshaped: "~" } as const;

function showChange(
  out: Output,
  { path, change, kinds, bytes, newChunks, tensors }: Omit<FileChange, "files">,
  hunks: DiffLine[][] | undefined,
): void {
  const sizes =
    bytes[0] === bytes[1] ? bytesText(bytes[1]) : `${bytesText(bytes[0])} to ${bytesText(bytes[1])}`;
  const kind =
    kinds[0] !== kinds[1] && change === "changed" ? `, ${visible(`${kinds[0]} to ${kinds[1]}`)}` : "";
  const chunks = change === "changed" ? `, ${newChunks} new chunks` : "";
  out.say(out.paint("bold", `${marks[change]} ${visible(path)}  (${sizes}${chunks}${kind})`));
  for (const tensor of tensors)
    out.say(
      `    ${marks[tensor.change]} ${visible(tensor.name)}  ${tensor.dtype} [${tensor.shape.join(", ")}] ${tensor.change}`,
    );
  if (hunks) showHunks(out, hunks);
}

function showHunks(out: Output, hunks: readonly DiffLine[][]): void {
  for (const hunk of hunks) {
    out.say(out.paint("dim", "    @@"));
    for (const { sign, text } of hunk)
      out.say(
        `    ${out.paint(sign === "+" ? "good" : sign === "-" ? "bad" : "dim", visible(`${sign}${text}`))}`,
      );
  }
}
