import type { Golden } from "@locum/contracts";
import { isFloatType } from "./tolerance-floor.ts";

/**
 * What a set of goldens can see. A change of more than `delta` in any one of the `floats` elements is seen for certain;
 * in the most closely held element one of more than `deltaLeast`. In the `exact` elements every change is seen.
 */
export type VisibleFault = { delta: number; deltaLeast: number; floats: number; exact: number };

export function smallestVisibleFault(goldens: readonly Golden[]): VisibleFault {
  const seen: VisibleFault = { delta: 0, deltaLeast: Number.POSITIVE_INFINITY, floats: 0, exact: 0 };
  for (const { datatype, data, tolerance } of goldens.flatMap(({ expected }) => expected)) {
    if (!isFloatType(datatype)) {
      seen.exact += data.length;
      continue;
    }
    for (const value of data) {
      const hidden = tolerance.abs + tolerance.rel * Math.abs(Number(value));
      seen.delta = Math.max(seen.delta, hidden);
      seen.deltaLeast = Math.min(seen.deltaLeast, hidden);
    }
    seen.floats += data.length;
  }
  return seen.floats === 0 ? { ...seen, deltaLeast: 0 } : seen;
}
