export { folderSink } from "./folder-sink.ts";
export {
  createBatchRoot,
  type InferenceBatch,
  inferenceLine,
  isInBatch,
  proveLine,
  readBatch,
} from "./inference-batch.ts";
export { type InferenceSink, type InferenceWriter, openInferenceWriter } from "./inference-writer.ts";
