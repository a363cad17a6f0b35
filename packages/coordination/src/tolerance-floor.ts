import type { Datatype, Tolerance } from "@locum/contracts";

export type FloatType = Extract<Datatype, "FP16" | "BF16" | "FP32" | "FP64">;
type Row = { floor: Pick<Tolerance, "abs" | "rel">; cap: Pick<Tolerance, "abs" | "rel"> };

/**
 * `floor`: never tighter, because kernels may sum in another order after a restart than while recording: some hundred
 * rounding steps of binary32, two to four of the half types, whose steps are 2^-11 and 2^-8. FP64 outputs are often
 * binary32 inside, so theirs is a tenth of that type's and not its own. `cap`: answers that differ by more are no
 * noise; below it one flipped exponent bit, which moves a few outputs by about 0.01, still shows.
 */
const rows: Record<FloatType, Row> = {
  FP64: { floor: { abs: 1e-6, rel: 1e-5 }, cap: { abs: 1e-3, rel: 1e-2 } },
  FP32: { floor: { abs: 1e-5, rel: 1e-4 }, cap: { abs: 1e-3, rel: 1e-2 } },
  FP16: { floor: { abs: 5e-4, rel: 2e-3 }, cap: { abs: 2e-3, rel: 1e-2 } },
  BF16: { floor: { abs: 2e-3, rel: 1.6e-2 }, cap: { abs: 8e-3, rel: 4e-2 } },
};

export const isFloatType = (datatype: Datatype): datatype is FloatType => Object.hasOwn(rows, datatype);

/**
 * Floor and cap for one float output whose largest expected value is `scale`. Below a scale of one the absolute parts
 * shrink with it: a fixed 1e-5 would see nothing of an output that is 1e-6 everywhere.
 */
export function toleranceFloor(datatype: FloatType, scale: number): Row {
  const { floor, cap } = rows[datatype];
  const part = scale > 0 ? Math.min(1, scale) : 1;
  return {
    floor: { ...floor, abs: floor.abs * part },
    cap: { ...cap, abs: cap.abs * part },
  };
}
