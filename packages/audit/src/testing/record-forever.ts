import type { InferenceRecord } from "@locum/contracts";
import { folderSink } from "../inference/folder-sink.ts";
import { openInferenceWriter } from "../inference/inference-writer.ts";
import { someInference } from "./some-inference.ts";

/** Writes numbered inference records and confirms each that is on disk, on standard output, until it is killed. */
const [dir = "", start = "0"] = process.argv.slice(2);
const writer = openInferenceWriter({
  dir: `${dir}/state`,
  sink: folderSink({ dir: `${dir}/sink` }),
  onBatch: async ({ root }) => process.stdout.write(`root ${root}\n`) || true,
  onRefused: () => process.exit(3),
  onFault: (_what, error) => {
    throw error;
  },
  monotonicMs: () => performance.now(),
  batchRecords: 40,
});
for (let next = Number(start); ; next += 10) {
  const records: InferenceRecord[] = Array.from({ length: 10 }, (_, index) => someInference(next + index));
  for (const record of records) writer.add(record);
  await writer.tick();
  for (const { id } of records) process.stdout.write(`on-disk ${id}\n`);
}
