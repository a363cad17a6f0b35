import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openAuditLog } from "@locum/audit";
import { openProjection } from "@locum/audit/projection";
import { type AuditEvent, AuditSearch } from "@locum/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSearchable } from "../adapters/searchable.ts";
import { createSearchThread } from "./search-thread.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "locum-search-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const event = (reason: string): AuditEvent => ({
  kind: "verdict.change",
  at: "2026-01-02T03:04:05.000Z",
  service: "digits",
  instance: "a",
  actor: "sidecar:a",
  epoch: 1,
  incident: null,
  reason,
  facts: { tookMs: 12 },
});
const everything = AuditSearch.parse({
  aggregations: { kinds: { op: "terms", field: "kind" }, took: { op: "stats", field: "measures.tookMs" } },
});

test("the thread answers as the projection itself does, and sees what is added", async () => {
  const log = await openAuditLog({ dir: join(folder, "audit") });
  const file = join(folder, "audit.db");
  const searchable = openSearchable(file, log);
  for (const reason of ["one", "two", "three"]) {
    await log.append([event(reason)]);
    const answer = await searchable.search(everything);
    const projection = openProjection(file);
    expect(answer).toEqual(projection.search(everything));
    projection.close();
    expect(answer.records.at(-1)?.event.reason).toBe(reason);
  }
  await searchable.close();
  await log.close();
});

test("a projection that is not the log's is made anew, and the thread asks the new one", async () => {
  const file = join(folder, "audit.db");
  const reasons = async (name: string): Promise<string[]> => {
    const log = await openAuditLog({ dir: join(folder, name) });
    await log.append([event(`${name} 1`), event(`${name} 2`)]);
    const searchable = openSearchable(file, log);
    const before = await searchable.search(everything);
    await log.append([event(`${name} 3`)]);
    const after = await searchable.search(everything);
    await searchable.close();
    await log.close();
    return [...before.records, ...after.records].map(({ event: { reason } }) => reason);
  };
  await reasons("old");
  rmSync(join(folder, "old"), { recursive: true });
  const lines = openProjection(file);
  expect(lines.head().seq).toBe(2);
  lines.close();
  expect(await reasons("new")).toEqual(["new 1", "new 2", "new 1", "new 2", "new 3"]);
});

test("many questions at once have each its own answer; too many are refused", async () => {
  const file = join(folder, "audit.db");
  openProjection(file).close();
  const thread = createSearchThread(file);
  const asked = await Promise.allSettled(
    Array.from({ length: 300 }, (_, limit) => thread.search(AuditSearch.parse({ limit }), 1)),
  );
  expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(256);
  expect(asked.at(-1)).toMatchObject({ reason: { code: "conflict" } });
  expect(await thread.search(everything, 1)).toMatchObject({ records: [], next: null });
  await thread.close();
});

test("a file that is not there is a fault, and the next question is answered once it is", async () => {
  const file = join(folder, "audit.db");
  const thread = createSearchThread(file);
  await expect(thread.search(everything, 1)).rejects.toMatchObject({ code: "storage-failed" });
  openProjection(file).close();
  expect(await thread.search(everything, 1)).toMatchObject({ records: [] });
  await thread.close();
});

test("who waits when it closes is told, and a closed one starts again", async () => {
  const file = join(folder, "audit.db");
  openProjection(file).close();
  const thread = createSearchThread(file);
  const waiting = thread.search(everything, 1);
  const refused = expect(waiting).rejects.toMatchObject({ code: "storage-failed" });
  await thread.close();
  await refused;
  expect(await thread.search(everything, 1)).toMatchObject({ records: [] });
  await thread.close();
});

test("what the process was told to import at its start does not run in the thread again", async () => {
  const file = join(folder, "audit.db");
  openProjection(file).close();
  const program = `
    import { createSearchThread } from ${JSON.stringify(new URL("./search-thread.ts", import.meta.url).href)};
    const thread = createSearchThread(${JSON.stringify(file)});
    const { records } = await thread.search(${JSON.stringify(everything)}, 1);
    await thread.close();
    console.log("found", records.length);
  `;
  // As the programs of locum up are started: with a module that ends them when their parent is gone.
  const started = "data:text/javascript,console.log('started')";
  const args = ["--import", started, "--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout.trim().split("\n")).toEqual(["started", "found 0"]);
});
