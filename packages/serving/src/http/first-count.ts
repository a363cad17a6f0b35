import { deadline } from "../deadline.ts";
import type { CallOptions } from "../model-server.ts";

type Place = (options: CallOptions) => Promise<number | undefined>;

/** The first of several places that says a count; it is remembered and asked alone from then on. */
export function firstCount(places: readonly Place[]): Place {
  let remembered: Place | undefined;
  return async (options) => {
    if (remembered) return remembered(options);
    const remaining = deadline(options);
    for (const place of places) {
      const count = await place(remaining());
      if (count === undefined) continue;
      remembered = place;
      return count;
    }
    return undefined;
  };
}
