/** Where a tensor's bytes lie in a file. `dtype` is lower case: bf16, f16, f32, f64, f8, i8 ...; "unknown" is allowed. */
export type Tensor = { name: string; dtype: string; shape: number[]; start: number; length: number };

/** More than any model has: a file that announces more is not taken at its word. */
export const tensorsMax = 1_000_000;
