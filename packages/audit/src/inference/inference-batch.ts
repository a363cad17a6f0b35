import { InferenceRecord } from "@locum/contracts";
import { leafHash } from "../merkle/merkle-hash.ts";
import { createTileTree } from "../merkle/tile-tree.ts";
import { isIncluded } from "../merkle/verify-proof.ts";

/** What the audit log says of a batch of inference records (`inference.root`). */
export type InferenceBatch = {
  /** Path in the sink: service/instance/day/time-root.ndjson. */
  name: string;
  /** RFC 6962 root over its lines, hex. */
  root: string;
  count: number;
  firstAt: string;
  lastAt: string;
};

/** Its canonical JSON (RFC 8785), which is what an engine writes of names in order: five times as fast as sorting them. */
export const inferenceLine = (record: InferenceRecord): string =>
  JSON.stringify({
    answeredBy: record.answeredBy,
    at: record.at,
    config: record.config,
    decision: record.decision,
    id: record.id,
    inputHash: record.inputHash,
    instance: record.instance,
    latencyMs: record.latencyMs,
    model: record.model,
    outputHash: record.outputHash,
    policy: record.policy,
    release: record.release,
    service: record.service,
    status: record.status,
    version: record.version,
    whole: record.whole,
  } satisfies InferenceRecord);

/** Undefined where it is no such line. */
export function readInferenceLine(line: string): InferenceRecord | undefined {
  try {
    const record = InferenceRecord.safeParse(JSON.parse(line));
    return record.success ? record.data : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A batch as it grows, a leaf a record. Its name holds the root: the same lines have the same name, and no other lines
 * have it.
 */
export function createBatchRoot() {
  const tree = createTileTree({ read: async () => undefined });
  let first: InferenceRecord | undefined;
  let [firstAt, lastAt] = ["", ""];
  return {
    add(line: string, record: InferenceRecord): void {
      tree.push(leafHash(line));
      first ??= record;
      if (firstAt === "" || record.at < firstAt) firstAt = record.at;
      if (record.at > lastAt) lastAt = record.at;
    },
    /** Undefined while there is no record. */
    batch(): InferenceBatch | undefined {
      if (!first) return undefined;
      const root = tree.root().toString("hex");
      const [day = "", time = ""] = firstAt.split("T");
      const place = `${first.service}/${first.instance}/${day}`;
      const name = `${place}/${time.replaceAll(/[:.]/g, "")}-${root.slice(0, 16)}.ndjson`;
      return { name, root, count: tree.size(), firstAt, lastAt };
    },
  };
}
export type BatchRoot = ReturnType<typeof createBatchRoot>;

/** So many lines are read in one turn: what else the process does must not feel it. */
const linesPerTurn = 200;

/** The batch that these lines are, without those that are none: a crash can leave some. */
export async function readBatch(
  text: string,
): Promise<{ batch: InferenceBatch | undefined; lines: string[]; records: InferenceRecord[] }> {
  const root = createBatchRoot();
  const lines: string[] = [];
  const records: InferenceRecord[] = [];
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    if (index % linesPerTurn === linesPerTurn - 1) await new Promise(setImmediate);
    const record = readInferenceLine(line);
    if (!record) continue;
    root.add(line, record);
    lines.push(line);
    records.push(record);
  }
  return { batch: root.batch(), lines, records };
}

/** The path from one line to the root of its batch. */
export async function proveLine(lines: readonly string[], index: number): Promise<Buffer[]> {
  const tree = createTileTree({ read: async () => undefined });
  for (const line of lines) tree.push(leafHash(line));
  return tree.inclusion(index);
}

export const isInBatch = ({
  line,
  index,
  path,
  root,
  count,
}: {
  line: string;
  index: number;
  path: readonly Buffer[];
  root: string;
  count: number;
}): boolean =>
  isIncluded({ leaf: leafHash(line), index, size: count, root: Buffer.from(root, "hex"), proof: path });
