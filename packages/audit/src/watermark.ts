import { join } from "node:path";
import { createGroupCommit } from "./group-commit.ts";
import type { LogFs } from "./log-fs.ts";
import { checksum } from "./spool-line.ts";

export type Watermark = {
  value(): number;
  /** Raises it at once; resolves when that is durable. */
  raise(seq: number): Promise<void>;
  close(): Promise<void>;
};

/** How far a queue is acknowledged. Where the file is damaged it starts anew: sending again is better than losing. */
export async function openWatermark({ dir, fs }: { dir: string; fs: LogFs }): Promise<Watermark> {
  const path = join(dir, "acknowledged");
  let value = parse(await fs.readSmall(path));
  const commits = createGroupCommit<number, undefined>({
    async commit(raised) {
      const text = String(Math.max(...raised));
      await fs.replace(path, `${checksum(text)} ${text}\n`);
      return raised.map(() => undefined);
    },
  });
  return {
    value: () => value,
    async raise(seq) {
      value = Math.max(value, seq);
      await commits.push(value);
    },
    close: () => commits.idle(),
  };
}

function parse(text: string | undefined): number {
  const [, sum, seq] = /^([0-9a-f]{8}) (\d{1,15})\n$/.exec(text ?? "") ?? [];
  return seq !== undefined && sum === checksum(seq) ? Number(seq) : -1;
}
