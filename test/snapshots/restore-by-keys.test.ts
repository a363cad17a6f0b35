import { randomBytes } from "node:crypto";
import { serviceConfig, startTestCollector, type TestCollector } from "@locum/collector/collector-fixture";
import { newTestRepository, type TestRepository } from "@locum/collector/repository-fixture";
import { createClient } from "@locum/contracts";
import {
  chunkRefs,
  type KeyOpener,
  loadIndex,
  openChunks,
  type Repository,
  readSnapshot,
} from "@locum/snapshot/repository";
import { afterAll, beforeAll, expect, test } from "vitest";

let kept: TestRepository;
let collector: TestCollector;
let [old, latest] = ["", ""];
const bytes = randomBytes(3_000_000);
beforeAll(async () => {
  kept = await newTestRepository();
  old = await kept.commit();
  latest = await kept.commit({ "a/m.bin": bytes, "config.json": Buffer.from("{}") });
  const service = serviceConfig({ collector: { repositories: [kept.config()] } });
  collector = await startTestCollector({ service });
});
afterAll(async () => {
  await collector.close();
  kept.close();
});

/** A machine with an id key, a sidecar's token and no private key. */
function openerOf(id: string, { instance = "a" } = {}): KeyOpener & { asked: string[] } {
  const client = createClient({ baseUrl: collector.url, token: collector.token("sidecar") });
  const asked: string[] = [];
  return {
    asked,
    async open({ name }) {
      asked.push(name);
      const { keys } = await client.openSnapshotKeys("s", id, { instance, files: [name] });
      const [key] = keys;
      return {
        fileKey: Buffer.from(key?.fileKey ?? "", "base64"),
        idKey: Buffer.from(key?.idKey ?? "", "base64"),
      };
    },
  };
}

async function readAll(repository: Repository, id: string, opener: KeyOpener): Promise<Map<string, Buffer>> {
  const { body } = await readSnapshot(repository, id, { opener });
  const loaded = await loadIndex(repository, { for: "reader" });
  const chunks = openChunks({ repository, loaded, opener });
  const files = new Map<string, Buffer>();
  for (const entry of body.files) {
    if (entry.kind !== "file") continue;
    const parts: Uint8Array[] = [];
    for (const { chunkId } of chunkRefs(entry)) parts.push(await chunks.read(chunkId));
    files.set(entry.path, Buffer.concat(parts));
  }
  return files;
}

test("who holds no private key reads a snapshot by the collector's leave, and no other", async () => {
  const opener = openerOf(latest);
  const files = await readAll(kept.repository, latest, opener);
  expect(files.get("a/m.bin")?.equals(bytes)).toBe(true);
  expect(files.get("config.json")?.toString()).toBe("{}");
  expect(opener.asked[0]).toBe(`snaps/${latest}.sn`);
  expect(opener.asked.length).toBeGreaterThan(1);
  // No channel names the older one.
  await expect(readAll(kept.repository, old, openerOf(old))).rejects.toMatchObject({ code: "not-found" });
  // And one's leave for this one is none for a file of that one.
  await expect(readSnapshot(kept.repository, old, { opener: openerOf(latest) })).rejects.toMatchObject({
    code: "not-found",
  });
  const grants = collector.audit.records.flatMap(({ event: { kind, facts } }) =>
    kind === "snapshot.key" ? [[facts.snapshot, facts.outcome]] : [],
  );
  expect(grants).toEqual([
    [latest, "granted"],
    [old, "refused"],
  ]);
});
