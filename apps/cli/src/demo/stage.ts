import { type Client, createClient } from "@locum/contracts";
import type { Fleet } from "./demo-fleet.ts";
import { followStory } from "./follow-story.ts";
import type { ModelProcess } from "./model-process.ts";
import type { Onlookers, Sighting } from "./onlookers.ts";
import type { TimelineLine } from "./play-fault.ts";
import type { Witness } from "./witness.ts";

/** What a fault of the demo may touch and look at. */
export type Stage = {
  ids: string[];
  models: { older: string; newer: string };
  nowMs(): number;
  other(model: ModelProcess): ModelProcess;
  serving(role: "active" | "standby"): Promise<ModelProcess>;
  /** Waits until the outside view of an instance is as wanted. */
  seen(id: string, wanted: (sighting: Sighting) => boolean, what: string): Promise<void>;
  until(condition: () => boolean, what: string, msMax: number): Promise<void>;
  killCollector(): Promise<void>;
  approveNewer(): Promise<void>;
  /** Hands on what the collector tells, until another listener or null comes. Times are this stage's. */
  follow(listener: ((line: TimelineLine) => void) | null): void;
  wasRefused(sinceMs: number): boolean;
  /** Failures that the collector has told so far. */
  failures(): readonly { atMs: number; instance: string; failure: string }[];
  stop(): void;
};

const lookMs = 20;

export function openStage({
  fleet,
  witness,
  onlookers,
  nowMs,
  signal,
}: {
  fleet: Fleet;
  witness: Witness;
  onlookers: Onlookers;
  nowMs: () => number;
  signal: AbortSignal;
}): Stage {
  const stopping = new AbortController();
  let listener: ((line: TimelineLine) => void) | null = null;
  const refusals: number[] = [];
  const failures: { atMs: number; instance: string; failure: string }[] = [];
  const api: Client = createClient({ baseUrl: fleet.collectorUrl, token: fleet.adminToken });
  void followStory({
    api,
    nowMs,
    signal: stopping.signal,
    tell(line) {
      if (line.step === "refuse") refusals.push(line.offsetMs);
      if (line.failed) failures.push({ atMs: line.offsetMs, ...line.failed });
      listener?.(line);
    },
  });
  const until = async (condition: () => boolean, what: string, msMax: number) => {
    const deadlineMs = nowMs() + msMax;
    while (!condition()) {
      signal.throwIfAborted();
      if (nowMs() > deadlineMs) throw new Error(`waited ${Math.round(msMax / 1000)} s for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  };
  const byId = (id: string): ModelProcess => {
    const model = fleet.models.find((one) => one.id === id);
    if (!model) throw new Error(`no model server ${id}`);
    return model;
  };
  const holding = (role: string) =>
    fleet.models.find(({ id }) => {
      const sighting = onlookers.latest(id);
      return sighting?.role === role && sighting.fit && nowMs() - sighting.atMs < 1000;
    });
  return {
    ids: fleet.models.map(({ id }) => id),
    models: fleet.files,
    nowMs,
    until,
    other: (model) => byId(fleet.models.find(({ id }) => id !== model.id)?.id ?? ""),
    async serving(role) {
      await until(
        () => holding("active") !== undefined && holding("standby") !== undefined,
        "an active and a fit standby",
        30_000,
      );
      return byId(holding(role)?.id ?? "");
    },
    seen: (id, wanted, what) =>
      until(
        () => {
          const sighting = onlookers.latest(id);
          return sighting !== undefined && wanted(sighting);
        },
        what,
        10_000,
      ),
    killCollector: fleet.killCollector,
    async approveNewer() {
      await fleet.approveNewer();
      witness.accept(fleet.references.newer);
    },
    follow: (next) => {
      listener = next;
    },
    failures: () => failures,
    wasRefused: (sinceMs) => refusals.some((atMs) => atMs >= sinceMs),
    stop: () => stopping.abort(),
  };
}
