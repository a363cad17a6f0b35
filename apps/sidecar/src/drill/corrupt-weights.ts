import { copyFile, type FileHandle, link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Fault } from "@locum/contracts";
import { snapshotPlaces } from "@locum/snapshot";
import { reloadServer } from "../acts/reload.ts";
import type { DrillFault } from "./drills.ts";

const flippedBytesMax = 65_536;
/** A drill copies the file once and reads it once: larger ones would make it a load of its own. */
const fileBytesMax = 8_589_934_592;
const blockBytes = 1_048_576;

/**
 * Overwrites part of the largest model file and loads it: finite, plausible, wrong. The original keeps its inode,
 * aside, and comes back by a rename unless the instance was put right before.
 */
export const corruptWeights: DrillFault = {
  async plan({ config, bytes }) {
    const dir = config.instance.modelDir;
    const tree = bytes()?.live()?.tree;
    const largest = tree?.files.toSorted((a, b) => b.size - a.size)[0];
    if (dir === undefined || !largest || largest.size < 1024 || largest.size > fileBytesMax)
      throw new Fault("refused", "there is no model file here that could be corrupted");
    const { displacedDir } = await snapshotPlaces({ dir });
    const aside = join(`${displacedDir}-drill`, basename(largest.path));
    return { dir, file: join(dir, largest.path), aside };
  },

  async begin(context, { dir = "", file = "", aside = "" }) {
    await mkdir(join(aside, ".."), { recursive: true, mode: 0o700 });
    await rm(aside, { force: true });
    const draft = join(aside, "..", ".draft");
    await copyFile(file, draft);
    await flipSigns(draft);
    await link(file, aside);
    await rename(draft, file);
    const { detail } = await reloadServer(context);
    return { detail: `${file.slice(dir.length + 1)} overwritten in the middle, ${detail}` };
  },

  async undo({ file = "", aside = "" }, context) {
    const original = await stat(aside).catch(() => null);
    if (!original) return;
    if (await isFlipped(file, aside)) {
      await rename(aside, file);
      if (context) await reloadServer(context);
    }
    await rm(join(aside, ".."), { recursive: true, force: true });
  },
};

/** Signs of half the values in the middle are turned over: the file still loads. */
async function flipSigns(path: string): Promise<void> {
  await using file = await open(path, "r+");
  const { start, end } = middleOf((await file.stat()).size);
  const buffer = await readAt(file, start, end - start);
  flip(buffer, start, { start, end });
  await file.write(buffer, 0, buffer.length, start);
  await file.sync();
}

type Range = { start: number; end: number };

function middleOf(size: number): Range {
  const length = Math.min(flippedBytesMax, Math.floor(size / 2));
  const start = Math.floor((size - length) / 2);
  return { start, end: start + length };
}

/** Flips what of the middle lies in a buffer that was read at `position`. */
function flip(buffer: Buffer, position: number, { start, end }: Range): void {
  const first = start + 3 + Math.max(0, Math.ceil((position - start - 3) / 8)) * 8;
  for (let at = first; at < Math.min(end, position + buffer.length); at += 8)
    buffer[at - position] = (buffer[at - position] ?? 0) ^ 0x80;
}

/** Whether the live file is what the drill made of the original. A restore or a deploy since then is left alone. */
async function isFlipped(path: string, original: string): Promise<boolean> {
  const there = await stat(path).catch(() => null);
  if (!there) return false;
  await using live = await open(path, "r");
  await using kept = await open(original, "r");
  const { size } = await kept.stat();
  if (there.size !== size) return false;
  const middle = middleOf(size);
  for (let position = 0; position < size; position += blockBytes) {
    const wanted = await readAt(kept, position, Math.min(blockBytes, size - position));
    flip(wanted, position, middle);
    if (!wanted.equals(await readAt(live, position, wanted.length))) return false;
  }
  return true;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
