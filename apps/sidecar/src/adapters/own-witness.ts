import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type NoteSigner,
  noteKeyOf,
  noteKeyText,
  readCheckpointSize,
  readNoteKey,
  witness,
} from "@locum/audit";
import { Fault, type WitnessAnswer, type WitnessRequest } from "@locum/contracts";
import { type Log, openKeyFile, removeDrafts, writeFileAtomic } from "@locum/runtime";
import { z } from "zod";

/** The log that is witnessed, by the key that signed it first, and the newest checkpoint that was cosigned. */
const Kept = z.strictObject({ logKey: z.string().max(512), head: z.string().max(65_536).nullable() });
type Kept = z.infer<typeof Kept>;

export type WitnessView = {
  key: string;
  log: string | null;
  /** Records that it saw. */
  size: number;
  /** Why it does not cosign; null while it does. */
  refused: Exclude<WitnessAnswer["outcome"], "cosigned" | "elsewhere"> | null;
};

/**
 * This sidecar as a witness of its collector's audit log. What it cosigned is on disk before the answer is given: a
 * witness that forgets would sign two histories.
 */
export type OwnWitness = {
  /** For `hello`. */
  key: string;
  /** The key of the log that the collector says is its own: the first one is the one that counts. */
  meet(logKey: string): void;
  /** @throws Fault disk-full | storage-failed: nothing was cosigned */
  answer(request: WitnessRequest): Promise<WitnessAnswer>;
  view(): WitnessView;
};

/** @throws Fault config-invalid | storage-failed where what it saw before cannot be read: it must not begin anew */
export async function openOwnWitness({
  stateDir,
  service,
  instance,
  wallMs,
}: {
  stateDir: string;
  service: string;
  instance: string;
  wallMs: () => number;
}): Promise<OwnWitness> {
  const file = join(stateDir, "witness.json");
  await removeDrafts(file);
  const privateKey = await openKeyFile(join(stateDir, "witness-key.pem"), {
    hint: "Put it back from a backup, or remove it: this sidecar is another witness then.",
  });
  const signer: NoteSigner = { name: `locum/witness/${service}/${instance}`, privateKey };
  const key = noteKeyText(noteKeyOf(signer, "witness"));
  let kept = await readKept(file);
  let refused: WitnessView["refused"] = null;
  let line: Promise<unknown> = Promise.resolve();

  const step = async (request: WitnessRequest): Promise<WitnessAnswer> => {
    if (!kept) return { outcome: "unsigned" };
    const { answer, head } = witness({
      head: kept.head ?? undefined,
      request,
      log: readNoteKey(kept.logKey),
      signer,
      atSeconds: Math.floor(wallMs() / 1000),
    });
    if (head !== undefined && head !== kept.head) {
      const next = { ...kept, head };
      await writeFileAtomic(file, JSON.stringify(next), { mode: 0o600 });
      kept = next;
    }
    if (answer.outcome !== "elsewhere") refused = answer.outcome === "cosigned" ? null : answer.outcome;
    return answer;
  };
  return {
    key,
    meet(logKey) {
      if (kept) return;
      // A key that is none is not kept: it would keep the right one out.
      readNoteKey(logKey);
      kept = { logKey, head: null };
    },
    answer(request) {
      const turn = line.then(() => step(request));
      line = turn.catch(() => {});
      return turn;
    },
    view: () => ({
      key,
      log: kept && readNoteKey(kept.logKey).name,
      size: kept?.head ? readCheckpointSize(kept.head) : 0,
      refused,
    }),
  };
}

/** A sidecar whose disk keeps it from witnessing does all its other work. */
export async function witnessOrNone(open: () => Promise<OwnWitness>, log: Log): Promise<OwnWitness | null> {
  try {
    return await open();
  } catch (error) {
    log("error", "this sidecar witnesses no audit log", { error });
    return null;
  }
}

async function readKept(file: string): Promise<Kept | null> {
  try {
    const kept = Kept.parse(JSON.parse(await readFile(file, "utf8")));
    readNoteKey(kept.logKey);
    if (kept.head !== null) readCheckpointSize(kept.head);
    return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Fault("storage-failed", `${file} is damaged`, {
      hint: "Put it back from a backup. Removed, this sidecar believes whatever log it is shown next.",
      cause: error,
    });
  }
}
