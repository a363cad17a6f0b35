import { z } from "zod";

/** Datatypes of the Open Inference Protocol v2 (kserve/open-inference-protocol, required api, tensor data types). */
export const Datatype = z.enum([
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "BF16",
  "FP32",
  "FP64",
  "BYTES",
]);
export type Datatype = z.infer<typeof Datatype>;

/**
 * One named tensor, flat in row-major order. 64-bit integers are numbers here: goldens compare, they do not compute.
 * A value that JSON cannot say (NaN, Inf) is a number in memory and never leaves the process as JSON.
 */
export type Tensor = {
  name: string;
  datatype: Datatype;
  shape: number[];
  data: ArrayLike<number | string | boolean>;
};

/** What a model's own metadata says of one tensor: -1 in shape stands for any size. */
export const TensorSpec = z.object({
  name: z.string(),
  datatype: Datatype,
  shape: z.array(z.number().int()),
});
export type TensorSpec = z.infer<typeof TensorSpec>;

export const ModelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(TensorSpec),
  outputs: z.array(TensorSpec),
  served: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      "further served facts that change answers (context length, chat template), the same at each asking",
    ),
});
export type ModelMetadata = z.infer<typeof ModelMetadata>;
