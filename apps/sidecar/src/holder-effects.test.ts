import { type Command, type CommandResult, Fault } from "@locum/contracts";
import { beforeEach, describe, expect, it } from "vitest";
import { createHolderEffects } from "./holder-effects.ts";

const command: Command = {
  id: "c1",
  term: 1,
  epoch: 2,
  incarnation: "boot",
  act: { kind: "promote" },
  reason: "",
};
const ok: CommandResult = { id: "c1", outcome: "done", code: "ok", detail: "", tookMs: 1 };
let story: string[];
let release: (fault?: Fault) => void;
let effect: ReturnType<typeof createHolderEffects>;

beforeEach(() => {
  story = [];
  effect = createHolderEffects({
    holder: () => ({ term: 1, epoch: 2, role: "active" }) as never,
    save: () =>
      new Promise((resolve, reject) => {
        story.push("writing");
        release = (fault) => {
          story.push(fault ? "not written" : "written");
          if (fault) reject(fault);
          else resolve();
        };
      }),
    perform: async () => {
      story.push("performed");
      return ok;
    },
    acted: (_command, { code }) => story.push(`acted ${code}`),
    answer: ({ code }) => story.push(`answered ${code}`),
    selfFenced: (reason) => story.push(`fenced ${reason}`),
    log: () => {},
  });
});
const settled = () => new Promise(setImmediate);

describe("what follows from an epoch waits until it is on disk", () => {
  it("an act", async () => {
    effect({ kind: "persist" });
    effect({ kind: "perform", command });
    await settled();
    expect(story).toEqual(["writing"]);
    release();
    await settled();
    expect(story).toEqual(["writing", "written", "performed", "acted ok"]);
  });

  it("an answer", async () => {
    effect({ kind: "persist" });
    effect({ kind: "answer", result: ok });
    await settled();
    expect(story).toEqual(["writing"]);
    release();
    await settled();
    expect(story).toEqual(["writing", "written", "answered ok"]);
  });

  it("on a full disk nothing is done, and the answer says so", async () => {
    effect({ kind: "persist" });
    effect({ kind: "perform", command });
    await settled();
    release(new Fault("disk-full", "no room"));
    await settled();
    expect(story).toEqual(["writing", "not written", "acted disk-full"]);
  });

  it("but the gate closes without waiting for it", async () => {
    effect({ kind: "persist" });
    effect({ kind: "fenced", reason: "lease-ended" });
    expect(story).toEqual(["fenced lease-ended"]);
    await settled();
    release();
  });
});
