import type { TensorSpec } from "@locum/contracts";

/** A tensor as people write it: `image FP32[-1,64]`. */
export const tensorText = ({ name, datatype, shape }: TensorSpec): string =>
  `${name} ${datatype}[${shape.join(",")}]`;
