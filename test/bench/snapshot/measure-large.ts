import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { quantile } from "../quantile.ts";
import { writeNoise } from "./data-sets.ts";
import { assertSameTrees } from "./same-trees.ts";
import { runChild } from "./tools.ts";

type Sizes = { small: number; large: number };

export type LargeFigures = {
  /** Of the models' files. */
  megabytes: Sizes;
  peakMemoryMB: { backup: Sizes; restore: Sizes };
  /** One byte of one pack flipped: every pack looked through, and that one made whole. The median. */
  flipSeconds: number;
};

/**
 * What shows only in large: whether memory grows with the model, and how long a repository takes to find and repair one
 * flipped byte, its files in the page cache.
 */
export async function measureLarge(
  child: string,
  { root, megabytes, rounds }: { root: string; megabytes: Sizes; rounds: number },
): Promise<LargeFigures> {
  const found: LargeFigures = {
    megabytes,
    peakMemoryMB: { backup: { small: 0, large: 0 }, restore: { small: 0, large: 0 } },
    flipSeconds: 0,
  };
  for (const size of ["small", "large"] as const) {
    const work = join(root, `large-${size}`);
    const [folder, repository, target] = [
      join(work, "model"),
      join(work, "repository"),
      join(work, "target"),
    ];
    await writeNoise(folder, { dtype: "BF16", megabytes: megabytes[size] });
    const backup = await runChild(child, { act: "backup", repository, folder, parity: true });
    const restore = await runChild(child, { act: "restore", repository, folder: target });
    await assertSameTrees(folder, target);
    await rm(target, { recursive: true });
    found.peakMemoryMB.backup[size] = backup.peakMemoryMB;
    found.peakMemoryMB.restore[size] = restore.peakMemoryMB;
    if (size === "large") {
      const seconds: number[] = [];
      for (let round = 0; round < rounds; round++) seconds.push(await flipAndHeal(child, repository));
      found.flipSeconds = quantile(seconds, 0.5);
      await runChild(child, { act: "restore", repository, folder: target });
      await assertSameTrees(folder, target);
    }
    await rm(work, { recursive: true });
  }
  return found;
}

/** Seconds until it is whole again. @throws Error where it is not */
async function flipAndHeal(child: string, repository: string): Promise<number> {
  const packs = (await readdir(join(repository, "packs"), { recursive: true })).filter((name) =>
    name.endsWith(".pk"),
  );
  const victim = packs.sort()[packs.length >> 1] ?? "";
  await flipByte(join(repository, "packs", victim));
  const { seconds, repaired } = await runChild<{ repaired: string[] }>(child, { act: "heal", repository });
  if (repaired.length !== 1 || !repaired[0]?.endsWith(`${victim} repaired`))
    throw new Error(`one byte of ${victim} was flipped, and healed was: ${repaired.join(", ")}`);
  return seconds;
}

async function flipByte(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const at = (await file.stat()).size >> 1;
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
    await file.write(Uint8Array.of((buffer[0] ?? 0) ^ 0x10), 0, 1, at);
  } finally {
    await file.close();
  }
}
