import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cosignedAt, noteKeyOf, noteKeyText, openAuditLog, readNoteKey } from "@locum/audit";
import type { WitnessRequest } from "@locum/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openOwnWitness, witnessOrNone } from "./own-witness.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-own-witness-"));
});
afterEach(() => rm(dir, { recursive: true }));

const signer = { name: "locum/audit/x", privateKey: generateKeyPairSync("ed25519").privateKey };
const logKey = noteKeyText(noteKeyOf(signer, "log"));
const open = () =>
  openOwnWitness({
    stateDir: join(dir, "state"),
    service: "s",
    instance: "a",
    wallMs: () => 1_767_323_045_999,
  });
const kept = () => join(dir, "state", "witness.json");

async function requestOf(count: number, name: string, old = 0): Promise<WitnessRequest> {
  const log = await openAuditLog({ dir: join(dir, name), signer });
  const event = {
    at: "2026-01-02T03:04:05.000Z",
    service: name,
    instance: null,
    actor: "collector",
    epoch: 0,
  };
  for (let left = count; left > 0; left -= 1)
    await log.append([{ ...event, kind: "collector.start", incident: null, reason: "", facts: {} }]);
  const checkpoint = (await log.tree?.checkpoint()) ?? "";
  const proof = old === 0 || old >= count ? [] : ((await log.tree?.consistency(old)) ?? []);
  await log.close();
  return { old, proof: proof.map((hash) => hash.toString("base64")), checkpoint };
}

test("it has one key, for its owner alone, and what it cosigned is on disk before it says so", async () => {
  const own = await open();
  own.meet(logKey);
  const request = await requestOf(5, "log");
  const answer = await own.answer(request);
  if (answer.outcome !== "cosigned") throw new Error(answer.outcome);
  expect(cosignedAt(request.checkpoint, answer.signature, readNoteKey(own.key))).toBe(1_767_323_045);
  expect(JSON.parse(await readFile(kept(), "utf8"))).toEqual({ logKey, head: request.checkpoint });
  expect((await stat(join(dir, "state", "witness-key.pem"))).mode & 0o777).toBe(0o600);
  expect((await open()).key).toBe(own.key);
});

test("after a restart it refuses another history, another key and an older log, and says what it saw", async () => {
  const first = await open();
  first.meet(logKey);
  const { checkpoint } = await requestOf(5, "log");
  await first.answer({ old: 0, proof: [], checkpoint });
  const own = await open();
  own.meet(
    noteKeyText(noteKeyOf({ ...signer, privateKey: generateKeyPairSync("ed25519").privateKey }, "log")),
  );
  expect(await own.answer(await requestOf(9, "other", 5))).toEqual({
    outcome: "rewritten",
    size: 5,
    head: checkpoint,
  });
  expect(own.view()).toMatchObject({ log: signer.name, size: 5, refused: "rewritten" });
  expect((await own.answer(await requestOf(3, "log-2", 5))).outcome).toBe("rewritten");
  expect(await own.answer(await requestOf(4, "log-3"))).toEqual({ outcome: "elsewhere", size: 5 });
  expect(await own.answer({ old: 5, proof: [], checkpoint })).toMatchObject({ outcome: "cosigned", size: 5 });
  expect(own.view().refused).toBeNull();
});

test("where its disk takes nothing it answers nothing, and cosigns when it does", async () => {
  const own = await open();
  own.meet(logKey);
  const request = await requestOf(2, "log");
  // A folder in the place of the file: root is stopped by no mode.
  await rm(join(dir, "state"), { recursive: true });
  await writeFile(join(dir, "state"), "");
  await expect(own.answer(request)).rejects.toMatchObject({ code: "storage-failed" });
  expect(own.view().size).toBe(0);
  await rm(join(dir, "state"));
  expect((await own.answer(request)).outcome).toBe("cosigned");
});

test("damaged memory is not no memory: it witnesses nothing, and the sidecar goes on", async () => {
  await open();
  await writeFile(kept(), "{");
  await chmod(kept(), 0o600);
  await expect(open()).rejects.toMatchObject({ code: "storage-failed" });
  const said: string[] = [];
  expect(await witnessOrNone(open, (_level, message) => void said.push(message))).toBeNull();
  expect(said).toEqual(["this sidecar witnesses no audit log"]);
});
