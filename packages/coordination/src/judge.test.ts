import type { Probe } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import type { Ask } from "./asks.ts";
import { fitnessOf } from "./fitness.ts";
import { type Health, startHealth } from "./health.ts";
import { judge } from "./judge.ts";

const policy = { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 };
const r1 = `sha256:${"1".repeat(64)}`;
const r2 = `sha256:${"2".repeat(64)}`;
const tree1 = `sha256:${"a".repeat(64)}`;
const set = ["g1", "g2", "g3", "g4"];
const one: Probe = { kind: "releases", atMs: 0, approved: [{ digest: r1, tree: tree1, goldens: set }] };
const two: Probe = {
  kind: "releases",
  atMs: 0,
  approved: [...one.approved, { digest: r2, tree: null, goldens: set }],
};

type Answer = Partial<Extract<Probe, { kind: "golden" }>>;
const golden = (atMs: number, id: string, answer: Answer = {}): Probe => ({
  kind: "golden",
  atMs,
  golden: id,
  model: "m",
  outcome: "answered",
  passes: [r1],
  fails: [],
  deltaMax: 0,
  latencyMs: 2,
  detail: "",
  ...answer,
});
const wrong = { passes: [], fails: [r1] };
const proven = (atMs: number, answer: Answer = {}): Probe[] => set.map((id) => golden(atMs, id, answer));
const progress = (
  atMs: number,
  inflight: number,
  waitingMs: number,
  completed: number,
  p99Ms = 5,
): Probe => ({ kind: "progress", atMs, inflight, waitingMs, completed, p99Ms });
const bytes = (atMs: number, state: "approved" | "unapproved"): Probe => ({
  kind: "bytes",
  atMs,
  state,
  tree: state === "approved" ? tree1 : r2,
  release: state === "approved" ? r1 : null,
  detail: `files are ${state}`,
});

function see(probes: Probe[], health: Health = startHealth(0)): { health: Health; asks: Ask[] } {
  let asks: Ask[] = [];
  for (const probe of probes) ({ health, asks } = judge(health, probe, policy));
  return { health, asks };
}
const healthy = see([one, bytes(0, "approved"), ...proven(1)]).health;

describe("what confirms a failure", () => {
  const cases: [string, Probe[], string][] = [
    [
      "a process that is gone, asked twice",
      [{ kind: "process", atMs: 10, alive: false, again: true, detail: "refused" }],
      "failed process-gone hard",
    ],
    [
      "one refused connection",
      [{ kind: "process", atMs: 10, alive: false, again: false, detail: "refused" }],
      "healthy",
    ],
    [
      "two goldens wrong, each asked again",
      [golden(10, "g1", wrong), golden(11, "g2", wrong), golden(12, "g1", wrong), golden(13, "g2", wrong)],
      "failed wrong-output hard",
    ],
    [
      "one golden wrong, asked again",
      [golden(10, "g1", wrong), golden(12, "g1", wrong)],
      "suspect wrong-output",
    ],
    ["two goldens wrong once", [golden(10, "g1", wrong), golden(12, "g2", wrong)], "healthy"],
    [
      "one golden wrong twice and unapproved files",
      [bytes(9, "unapproved"), golden(10, "g1", wrong), golden(12, "g1", wrong)],
      "failed wrong-output soft",
    ],
    ["unapproved files alone", [bytes(9, "unapproved")], "healthy"],
    [
      "NaN in a golden",
      [golden(10, "g1", { outcome: "not-finite", passes: [], fails: [r1] })],
      "failed not-finite hard",
    ],
    [
      "NaN in an answer that another gave well",
      [{ kind: "output", atMs: 10, finding: "not-finite", contested: true, detail: "NaN" }],
      "failed not-finite hard",
    ],
    [
      "NaN in an answer that nobody gave well",
      [{ kind: "output", atMs: 10, finding: "not-finite", contested: false, detail: "NaN" }],
      "healthy",
    ],
    ["no progress alone", [progress(100, 1, 0, 5), progress(700, 1, 600, 5)], "suspect hung"],
    [
      "no progress and two goldens silent",
      [
        progress(100, 1, 0, 5),
        progress(700, 1, 600, 5),
        golden(1000, "g1", { outcome: "timeout", passes: [] }),
        golden(1000, "g2", { outcome: "timeout", passes: [] }),
      ],
      "failed hung soft",
    ],
    [
      "silent goldens while answers finish (busy)",
      [
        progress(100, 9, 0, 5),
        golden(1000, "g1", { outcome: "timeout", passes: [] }),
        progress(1001, 9, 600, 6),
        golden(1000, "g2", { outcome: "timeout", passes: [] }),
        progress(1002, 9, 600, 7),
      ],
      "healthy",
    ],
    [
      "two goldens silent twice each, idle",
      ["g1", "g2", "g1", "g2"].map((id, i) => golden(1000 + i, id, { outcome: "timeout", passes: [] })),
      "failed hung hard",
    ],
    ["not ready, says the server", [{ kind: "ready", atMs: 10, ok: false, detail: "503" }], "healthy"],
    [
      "three liveness misses alone",
      [1, 2, 3].map(
        (i) => ({ kind: "live", atMs: i, ok: false, detail: "timeout", latencyMs: 500 }) as const,
      ),
      "suspect hung",
    ],
    [
      "a golden from a cache",
      [golden(10, "g1", { outcome: "cached", ...wrong }), golden(11, "g1", { outcome: "cached", ...wrong })],
      "healthy",
    ],
  ];
  it.each(cases)("%s", (_name, probes, expected) => {
    const { verdict } = see(probes, healthy).health;
    const said = [
      verdict.kind,
      "failure" in verdict ? verdict.failure : "",
      "hard" in verdict ? (verdict.hard ? "hard" : "soft") : "",
    ]
      .filter(Boolean)
      .join(" ");
    expect(said).toBe(expected);
  });
});

describe("a deploy is not a corruption", () => {
  const asR2 = { passes: [r2], fails: [r1] };
  const asR1 = { passes: [r1], fails: [r2] };
  const atR1 = see([
    two,
    bytes(0, "approved"),
    ...proven(1, asR1),
    ...proven(2, asR1),
    ...proven(3, asR1),
  ]).health;

  it("stays healthy through the change and becomes the new release", () => {
    let health = atR1;
    for (const [i, id] of ["g1", "g2", "g1", "g2", "g3", "g4", "g3", "g4"].entries()) {
      ({ health } = judge(health, golden(100 + i, id, asR2), policy));
      expect(health.verdict.kind, `after ${id}`).not.toBe("failed");
    }
    expect(fitnessOf(health, 200, policy)).toMatchObject({ release: r2, goldens: "proven", fit: true });
  });

  it("does not take the older misses of the other release for a refutation, and still finds a model that is neither", () => {
    const neither = { passes: [], fails: [r1, r2] };
    const { health } = see(
      ["g1", "g2", "g1", "g2"].map((id, i) => golden(100 + i, id, neither)),
      atR1,
    );
    expect(health.verdict).toMatchObject({ kind: "failed", failure: "wrong-output", hard: true });
  });
});

describe("after a failure", () => {
  const failed = see(
    [golden(10, "g1", wrong), golden(11, "g2", wrong), golden(12, "g1", wrong), golden(13, "g2", wrong)],
    healthy,
  ).health;

  it("holds until the whole set has passed since", () => {
    const partly = see([golden(20, "g1"), golden(21, "g2")], failed).health;
    expect(partly.verdict.kind).toBe("failed");
    expect(see([golden(22, "g3"), golden(23, "g4")], partly).health.verdict.kind).toBe("healthy");
  });

  it("holds through silence: nothing heard is not proven right", () => {
    expect(see([progress(20, 0, 0, 9), progress(30_000, 0, 0, 9)], failed).health.verdict.kind).toBe(
      "failed",
    );
  });

  it("asks for every golden when the process is back, because old passes prove nothing of it", () => {
    const gone = see(
      [{ kind: "process", atMs: 10, alive: false, again: true, detail: "refused" }],
      healthy,
    ).health;
    const { health, asks } = see(
      [{ kind: "process", atMs: 500, alive: true, again: false, detail: "open" }],
      gone,
    );
    expect(asks).toEqual([{ kind: "all-goldens" }]);
    expect(health.verdict.kind).toBe("failed");
    expect(see(proven(600), health).health.verdict.kind).toBe("healthy");
  });
});

describe("what is asked next", () => {
  it("asks a wrong golden again, and another one with it", () => {
    expect(see([golden(10, "g1", wrong)], healthy).asks).toEqual([
      { kind: "golden", id: "g1" },
      { kind: "another-golden", not: "g1" },
    ]);
  });
  it("does not lengthen the queue of a busy server", () => {
    expect(
      see([progress(990, 9, 0, 5), golden(1000, "g1", { outcome: "timeout", passes: [] })], healthy).asks,
    ).toEqual([]);
  });
  it("asks two goldens and the server when nothing moves", () => {
    expect(
      see([progress(100, 1, 0, 5), progress(700, 1, 600, 5)], healthy).asks.map(({ kind }) => kind),
    ).toEqual(["live", "another-golden", "another-golden"]);
  });
  it("asks the whole set when the files change", () => {
    expect(see([bytes(9, "unapproved")], healthy).asks).toEqual([{ kind: "all-goldens" }]);
  });
});

describe("hang or busy", () => {
  it("takes eight of its own p99s before it calls a wait unusual", () => {
    const slow = see([progress(100, 1, 0, 5, 1000), progress(7000, 1, 6900, 5, 1000)], healthy).health;
    expect(slow.verdict.kind).toBe("healthy");
    expect(see([progress(8200, 1, 8100, 5, 1000)], slow).health.verdict.kind).toBe("suspect");
  });
  it("judges the first request after an idle hour by its own wait, not by the hour", () => {
    expect(
      see([progress(100, 0, 0, 5), progress(3_600_000, 0, 0, 5), progress(3_600_100, 1, 100, 5)], healthy)
        .health.verdict.kind,
    ).toBe("healthy");
  });
  it("expects silence during an announced reload", () => {
    const during = see(
      [
        { kind: "maintenance", atMs: 10, untilMs: 5000, reason: "reload" },
        progress(100, 1, 0, 5),
        progress(4000, 1, 3900, 5),
      ],
      healthy,
    ).health;
    expect(during.verdict.kind).not.toBe("failed");
    expect(fitnessOf(during, 4000, policy).fit).toBe(false);
  });
});
