import type { Mishap } from "../../elasticsearch/mishap.ts";

/** What every shipper of this bench meets: a part of the requests, of the items, and a new index every hundred requests. */
export const faults: readonly Mishap[] = [
  often(0.02, { do: "answer", status: 429 }),
  often(0.01, { do: "answer", status: 503 }),
  often(0.005, { do: "answer", status: 413 }),
  often(0.005, { do: "answer", status: 502, html: true }),
  often(0.01, { do: "cut", when: "before" }),
  often(0.01, { do: "cut", when: "after" }),
  often(0.005, { do: "cut", when: "within" }),
  often(0.05, { do: "items", which: { chance: 0.02 }, status: 429 }),
  often(0.02, { do: "items", which: { chance: 0.02 }, status: 503 }),
  often(0.02, { do: "items", which: { chance: 0.01 }, status: 400 }),
  often(0.02, { do: "divert", which: { chance: 0.01 } }),
  often(0.005, { do: "lie", how: "fewer-items" }),
  often(0.01, { do: "rollover", when: "before" }, { do: "cut", when: "after" }),
];

function often(chance: number, ...does: Mishap["does"]): Mishap {
  return { on: "bulk", times: "always", chance, does };
}
