import type { Probe } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import type { Ask } from "./asks.ts";
import { fitnessOf } from "./fitness.ts";
import { type Health, startHealth } from "./health.ts";
import { judge } from "./judge.ts";
import { judgedAs } from "./judged-as.ts";
import { goldensToAsk } from "./model-set.ts";

const policy = { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 };
const r1 = `sha256:${"1".repeat(64)}`;
const r2 = `sha256:${"2".repeat(64)}`;
const tree = (letter: string) => `sha256:${letter.repeat(64)}`;
const sets = { a: ["a1", "a2"], b: ["b1", "b2"] };
const approvedAs = (digest: string) => ({
  digest,
  tree: tree("a"),
  goldens: [...sets.a, ...sets.b],
  models: sets,
});
const releases = (...digests: string[]): Probe => ({
  kind: "releases",
  atMs: 0,
  approved: digests.map(approvedAs),
});

type Answer = Partial<Extract<Probe, { kind: "golden" }>>;
const golden = (atMs: number, id: string, answer: Answer = {}): Probe => ({
  kind: "golden",
  atMs,
  golden: id,
  model: id.charAt(0),
  outcome: "answered",
  passes: [r1],
  fails: [],
  deltaMax: 0,
  latencyMs: 2,
  detail: "",
  ...answer,
});
const bad = { passes: [], fails: [r1] };
const all = (atMs: number, ids: readonly string[], answer: Answer = {}) =>
  ids.map((id, index) => golden(atMs + index, id, answer));
const wrong = (atMs: number, ids: readonly string[]) => [...all(atMs, ids, bad), ...all(atMs + 5, ids, bad)];
const silent = (atMs: number, ids: readonly string[]) =>
  [...ids, ...ids].map((id, index) => golden(atMs + index, id, { outcome: "timeout", passes: [] }));
const bytes = (atMs: number, state: "approved" | "unapproved"): Probe => ({
  kind: "bytes",
  atMs,
  state,
  tree: tree(state === "approved" ? "a" : "b"),
  release: state === "approved" ? r1 : null,
  detail: `files are ${state}`,
});
type Moving = { inflight: number; waitingMs: number; completed: number };
const moving = (atMs: number, a: Moving, b: Moving): Probe => ({
  kind: "progress",
  atMs,
  inflight: a.inflight + b.inflight,
  waitingMs: Math.max(a.waitingMs, b.waitingMs),
  completed: a.completed + b.completed,
  p99Ms: 5,
  models: { a, b },
});
const idle = (completed: number): Moving => ({ inflight: 0, waitingMs: 0, completed });

function see(probes: Probe[], health: Health = startHealth(0)): { health: Health; asks: Ask[] } {
  let asks: Ask[] = [];
  for (const probe of probes) ({ health, asks } = judge(health, probe, policy));
  return { health, asks };
}
const ids = [...sets.a, ...sets.b];
const healthy = see([releases(r1), bytes(0, "approved"), ...all(1, ids)]).health;
const said = ({ verdict }: Pick<Health, "verdict">) =>
  verdict.kind === "failed" ? `failed ${verdict.failure} ${verdict.hard ? "hard" : "soft"}` : verdict.kind;
const judged = (health: Health) => [said(health), ...Object.values(health.models).map(said)];

describe("whose failure it is", () => {
  const gone: Probe = { kind: "process", atMs: 10, alive: false, again: true, detail: "refused" };
  const cases: [string, Probe[], [server: string, a: string, b: string]][] = [
    ["nothing", [], ["healthy", "healthy", "healthy"]],
    ["one model wrong", wrong(10, sets.b), ["healthy", "healthy", "failed wrong-output hard"]],
    [
      "every model wrong",
      wrong(10, ids),
      ["failed wrong-output hard", "failed wrong-output hard", "failed wrong-output hard"],
    ],
    [
      "one golden of each wrong: two models, no proof",
      wrong(10, ["a1", "b1"]),
      ["healthy", "suspect", "suspect"],
    ],
    [
      "NaN of one",
      [golden(10, "a1", { ...bad, outcome: "not-finite" })],
      ["healthy", "failed not-finite hard", "healthy"],
    ],
    [
      "one that answers with errors",
      [
        ...all(10, sets.a, { outcome: "error", passes: [] }),
        ...all(15, sets.a, { outcome: "error", passes: [] }),
      ],
      ["healthy", "failed errors hard", "healthy"],
    ],
    ["the process", [gone], ["failed process-gone hard", "healthy", "healthy"]],
    [
      "nobody's files and one golden wrong",
      [bytes(9, "unapproved"), ...wrong(10, ["b1"])],
      ["healthy", "healthy", "failed wrong-output soft"],
    ],
    [
      "metadata of one and one golden of it",
      [
        { kind: "configuration", atMs: 9, matches: [], models: { a: [r1], b: [] }, detail: "" },
        ...wrong(10, ["b1"]),
      ],
      ["healthy", "healthy", "failed wrong-output soft"],
    ],
    [
      "NaN to a client, contested, of one",
      [{ kind: "output", atMs: 10, finding: "not-finite", model: "b", contested: true, detail: "NaN" }],
      ["healthy", "healthy", "failed not-finite hard"],
    ],
    [
      "NaN to a client of nobody knows which",
      [{ kind: "output", atMs: 10, finding: "not-finite", contested: true, detail: "NaN" }],
      ["failed not-finite hard", "healthy", "healthy"],
    ],
    ["silence of all", silent(1000, ids), ["failed hung hard", "healthy", "healthy"]],
    ["silence of one, idle", silent(1000, sets.a), ["healthy", "healthy", "healthy"]],
    [
      "long silence of one beside answers of the other",
      [
        ...silent(1000, sets.a),
        ...all(2000, sets.b),
        ...silent(12_500, sets.a),
        ...all(13_000, sets.b),
        ...silent(13_100, sets.a),
      ],
      ["healthy", "failed hung hard", "healthy"],
    ],
    [
      "silence that both shared, and one answers first",
      [...silent(1000, ids), ...silent(20_000, ids), ...all(21_000, sets.b), ...silent(21_010, ["a1"])],
      ["failed hung hard", "healthy", "healthy"],
    ],
    [
      "requests of one stand still and its goldens too, while the other works",
      [
        moving(100, { inflight: 1, waitingMs: 0, completed: 5 }, idle(5)),
        moving(700, { inflight: 1, waitingMs: 600, completed: 5 }, idle(9)),
        ...all(1000, sets.a, { outcome: "timeout", passes: [] }),
      ],
      ["healthy", "failed hung soft", "healthy"],
    ],
    [
      "a queue in one: its goldens wait while its requests finish",
      [
        moving(100, { inflight: 9, waitingMs: 0, completed: 5 }, idle(5)),
        ...silent(1000, sets.a),
        moving(1100, { inflight: 9, waitingMs: 900, completed: 6 }, idle(9)),
        ...all(2000, sets.b),
        moving(12_000, { inflight: 9, waitingMs: 900, completed: 7 }, idle(9)),
      ],
      ["healthy", "healthy", "healthy"],
    ],
  ];
  it.each(cases)("%s", (_name, probes, expected) => {
    expect(judged(see(probes, healthy).health)).toEqual(expected);
  });
});

describe("what each is fit for", () => {
  const fits = (health: Health, atMs = 100) => {
    const { fit, goldens, models } = fitnessOf(health, atMs, policy);
    return [fit, goldens, models.a?.fit, models.b?.fit];
  };
  const cases: [string, Probe[], unknown[]][] = [
    ["proven", [], [true, "proven", true, true]],
    ["one wrong", wrong(10, sets.b), [false, "failed", true, false]],
    ["nobody's files, nothing answered since", [bytes(9, "unapproved")], [false, "proven", false, false]],
    [
      "nobody's files, and one answered rightly since",
      [bytes(9, "unapproved"), ...all(10, sets.a)],
      [false, "proven", true, false],
    ],
    [
      "one is loaded again",
      [{ kind: "maintenance", atMs: 10, untilMs: 5000, reason: "reload", models: ["b"] }],
      [false, "partial", true, false],
    ],
    [
      "the server starts again",
      [{ kind: "maintenance", atMs: 10, untilMs: 5000, reason: "restart" }],
      [false, "partial", false, false],
    ],
  ];
  it.each(cases)("%s", (_name, probes, expected) => {
    expect(fits(see(probes, healthy).health)).toEqual(expected);
  });

  it("is the age of the one that was proven longest ago", () => {
    expect(fitnessOf(see(all(50, sets.a), healthy).health, 100, policy).provenAgeMs).toBe(100 - 3);
  });
});

describe("after a failure", () => {
  it("a wrong model holds until its own set passed, whatever its neighbour answers", () => {
    const failed = see(wrong(10, sets.b), healthy).health;
    expect(judged(see(all(20, sets.a), failed).health)[2]).toBe("failed wrong-output hard");
    expect(judged(see(all(20, sets.b), failed).health)).toEqual(["healthy", "healthy", "healthy"]);
  });

  it("one that stays wrong does not hold down a server whose process came back", () => {
    const back: Probe[] = [
      { kind: "process", atMs: 30, alive: false, again: true, detail: "refused" },
      { kind: "process", atMs: 40, alive: true, again: false, detail: "open" },
    ];
    const { health } = see([...wrong(10, sets.b), ...back], healthy);
    expect(said(health)).toBe("failed process-gone hard");
    expect(judged(see(all(50, sets.a), health).health)).toEqual([
      "healthy",
      "healthy",
      "failed wrong-output hard",
    ]);
  });

  it("all wrong, and one is right again: the server is not failed any more", () => {
    const { health } = see([...wrong(10, ids), ...all(30, sets.a)], healthy);
    expect(judged(health)).toEqual(["healthy", "healthy", "failed wrong-output hard"]);
  });
});

describe("what is asked next", () => {
  it("keeps to the model that answered wrongly", () => {
    expect(see([golden(10, "b1", bad)], healthy).asks).toEqual([
      { kind: "golden", id: "b1" },
      { kind: "another-golden", not: "b1", model: "b" },
    ]);
    expect(see([golden(10, "b1", bad), golden(11, "b1", bad)], healthy).asks).toEqual([
      { kind: "all-goldens", models: ["b"] },
    ]);
  });
  it("asks a neighbour where one is silent: it tells a model from its server", () => {
    expect(see([golden(1000, "b1", { outcome: "timeout", passes: [] })], healthy).asks).toEqual([
      { kind: "golden", id: "b1" },
      { kind: "another-golden", not: "b1", notModel: "b" },
    ]);
  });
  it("of the named models only", () => {
    expect(goldensToAsk(healthy, ["b"])).toEqual(sets.b);
    expect(goldensToAsk(healthy)).toEqual(ids);
  });
});

describe("a rollout that loads one model after the other", () => {
  const both = see([releases(r1, r2), ...all(1, ids, { passes: [r1], fails: [r2] })]).health;
  const asR2 = { passes: [r2], fails: [r1] };

  it("is no failure in between, and ends as the new release", () => {
    const between = see([...all(100, sets.a, asR2), ...all(110, sets.a, asR2)], both).health;
    expect(judged(between)).toEqual(["healthy", "healthy", "healthy"]);
    expect(fitnessOf(between, 120, policy)).toMatchObject({
      fit: true,
      models: { a: { release: r2 }, b: { release: r1 } },
    });
    const after = see([...all(130, sets.b, asR2), ...all(140, sets.b, asR2)], between).health;
    expect(fitnessOf(after, 150, policy)).toMatchObject({ fit: true, release: r2 });
  });
});

describe("one model and several", () => {
  it("a second model that comes with a release does not forget what the first was proven by", () => {
    const one: Probe = {
      kind: "releases",
      atMs: 0,
      approved: [{ digest: r1, tree: null, goldens: sets.a, models: { a: sets.a } }],
    };
    const alone = see([one, ...all(1, sets.a)]).health;
    expect(alone.models).toEqual({});
    const { health } = see([releases(r1)], alone);
    expect(fitnessOf(health, 10, policy).models).toMatchObject({ a: { fit: true }, b: { fit: false } });
  });
});

describe("versions", () => {
  it.each([
    [["a", "b"], "a", ["a"]],
    [["a", "b"], "c", []],
    [["a", "b"], "a@3", ["a"]],
    [["a", "a@3"], "a@3", ["a@3"]],
    [["a@1", "a@2", "b"], "a", ["a@1", "a@2"]],
    [["a@1", "a@2"], "a@3", []],
  ])("of %j for %s", (known, wanted, expected) => expect(judgedAs(known, wanted)).toEqual(expected));
});
