import { rmSync } from "node:fs";
import { join } from "node:path";
import { serviceConfig, startTestCollector, type TestCollector } from "@locum/collector/collector-fixture";
import { newTestRepository, type TestRepository } from "@locum/collector/repository-fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { locumCommand } from "../stack/locum-command.ts";

let kept: TestRepository;
let collector: TestCollector;
let ids: string[] = [];
beforeAll(async () => {
  kept = await newTestRepository();
  ids = [await kept.commit(), await kept.commit()];
  const service = serviceConfig({ collector: { repositories: [kept.config()] } });
  collector = await startTestCollector({ service });
});
afterAll(async () => {
  await collector.close();
  kept.close();
});

const run = async (...args: string[]) => {
  const { run } = locumCommand({ dir: kept.folder });
  const { url, config } = collector;
  const ended = await run(...args, "--collector", url, "--token-file", config.tokenFile, "--json");
  const lines = ended.stdout.split("\n").filter((line) => line.startsWith("{"));
  return { ...ended, json: lines.map((line) => JSON.parse(line)) };
};

test("a person with a token and no key drills, lists, pins and lets go", async () => {
  const drilled = await run("snapshot", "verify", "--service", "s");
  expect(drilled).toMatchObject({ code: 0, stderr: "" });
  expect(drilled.json.at(-1)).toMatchObject({ restorable: true, drill: { snapshot: ids[1] } });

  const pinned = await run(
    "snapshot",
    "pin",
    "hold-4711",
    ids[0] ?? "",
    "--service",
    "s",
    "--reason",
    "case",
  );
  expect(pinned.json.at(-1)).toMatchObject({ channel: "hold-4711", snapshot: ids[0], before: null });
  const { json } = await run("snapshot", "ls", "--service", "s");
  expect(json.slice(0, -1)).toMatchObject([
    { id: ids[1], channels: ["last-verified", "latest"] },
    { id: ids[0], channels: ["hold-4711"] },
  ]);
  expect((await run("snapshot", "unpin", "hold-4711", "--service", "s")).json.at(-1)).toMatchObject({
    before: ids[0],
  });
  const pins = collector.audit.records.flatMap(({ event }) =>
    event.kind === "snapshot.pin" ? [[event.actor, event.reason, event.facts.outcome]] : [],
  );
  expect(pins).toEqual([
    ["token:admin", "case", "begun"],
    ["token:admin", "case", "done"],
    ["token:admin", "", "begun"],
    ["token:admin", "", "done"],
  ]);
  const status = await run("status");
  expect(status.json.at(-1)).toMatchObject({ repositories: [{ service: "s", restorable: true }] });
});

test.each([
  [["snapshot", "ls", "--service", "t"], 13],
  [["snapshot", "pin", "UPPER", "x", "--service", "s"], 64],
  [["snapshot", "pin", "x", "0".repeat(26), "--service", "s"], 13],
  [["snapshot", "ls"], 64],
])("%j ends with %i", async (args, code) => {
  expect((await run(...args)).code).toBe(code);
});

test("a drill that fails says which file, and ends as damage does", async () => {
  rmSync(join(kept.place, "packs"), { recursive: true });
  const { code, json } = await run("snapshot", "verify", "--service", "s");
  expect(code).toBe(13);
  expect(json.at(-1)).toMatchObject({ restorable: false, drill: { code: "snapshot-missing" } });
});
