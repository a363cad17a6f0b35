import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NoteSigner, noteKeyOf, noteKeyText, openAuditLog, readNoteKey, witness } from "@locum/audit";
import type { CollectorFrame, WitnessAnswer, WitnessRequest } from "@locum/contracts";
import { createClient } from "@locum/contracts";
import { systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSignedAuditLog } from "./adapters/signed-audit-log.ts";
import { serviceConfig, startTestCollector, type TestCollector } from "./collector.fixture.ts";
import { connectSidecar, type TestSidecar } from "./sidecar.fixture.ts";

const say = () => undefined;
const signer = (instance: string): NoteSigner => ({
  name: `locum/witness/s/${instance}`,
  privateKey: generateKeyPairSync("ed25519").privateKey,
});
const keyText = (one: NoteSigner) => noteKeyText(noteKeyOf(one, "witness"));
let collector: TestCollector;

beforeEach(async () => {
  collector = await startTestCollector({
    service: serviceConfig(),
    deps: { openAudit: (dir) => openSignedAuditLog(dir, { clock: systemClock, say, everyMs: 100 }) },
  });
});
afterEach(() => collector.close());

const requests = ({ frames }: TestSidecar): WitnessRequest[] =>
  frames.flatMap((frame) => (frame.kind === "witness" ? [frame.request] : []));
const connect = (instance: string, hello: Record<string, unknown>) =>
  connectSidecar({ url: collector.url, token: collector.token("sidecar"), instance, hello });
const tell = (sidecar: TestSidecar, answer: WitnessAnswer) => sidecar.send({ kind: "witnessed", answer });
const logKey = ({ frames }: TestSidecar): string => {
  const [welcome] = frames.filter(
    (frame): frame is Extract<CollectorFrame, { kind: "welcome" }> => frame.kind === "welcome",
  );
  return welcome?.logKey ?? "";
};
/** Everything that it is asked, answered as a witness does. */
function follow(sidecar: TestSidecar, by: NoteSigner) {
  let head: string | undefined;
  let at = 0;
  const step = () => {
    for (const request of requests(sidecar).slice(at)) {
      at += 1;
      const log = readNoteKey(logKey(sidecar));
      const said = witness({ head, request, log, signer: by, atSeconds: 1_767_323_045 });
      head = said.head;
      tell(sidecar, said.answer);
    }
  };
  const timer = setInterval(step, 2);
  return { head: () => head, stop: () => clearInterval(timer) };
}
const figure = async (name: string): Promise<number> => {
  const headers = { authorization: `Bearer ${collector.token("viewer")}` };
  const text = await (await fetch(`${collector.url}/metrics`, { headers })).text();
  return Number(new RegExp(`^locum_witness_${name} (\\d+)$`, "m").exec(text)?.[1]);
};
const ready = () => createClient({ baseUrl: collector.url }).ready();

test("a neighbour of another version names no key, and is sent nothing that it does not know", async () => {
  const [older, newer] = [await connect("a", {}), await connect("b", { witness: keyText(signer("b")) })];
  await vi.waitFor(() => expect(requests(newer)).not.toEqual([]));
  expect(requests(older)).toEqual([]);
  expect(logKey(older)).toBe(logKey(newer));
});

test("a witness follows as the log grows, and the newest checkpoint has its line", async () => {
  const by = signer("a");
  const sidecar = await connect("a", { witness: keyText(by) });
  const following = follow(sidecar, by);
  await vi.waitFor(async () => expect(await figure("cosigned")).toBe(1));
  for (let grown = 0; grown < 2; grown += 1) {
    const seen = following.head();
    await collector.client("operator").pause({ service: "s", ms: 1000 + grown });
    await vi.waitFor(() => expect(following.head()).not.toBe(seen));
  }
  await vi.waitFor(async () => expect(await figure("cosigned")).toBe(1));
  expect(requests(sidecar).some(({ proof }) => proof.length > 0)).toBe(true);
  following.stop();
});

test.each<[string, WitnessAnswer]>([
  [
    "an alarm without the log's own signature",
    { outcome: "rewritten", size: 3, head: "o\n3\n\n— o AAAAAAAA\n" },
  ],
  ["an alarm about another log", { outcome: "rewritten", size: 3, head: await foreignNote() }],
  ["another key", { outcome: "unsigned" }],
])("%s is a doubt, and no problem of the collector", async (_, answer) => {
  const sidecar = await connect("a", { witness: keyText(signer("a")) });
  await vi.waitFor(() => expect(requests(sidecar)).not.toEqual([]));
  tell(sidecar, answer);
  await vi.waitFor(async () => expect(await figure("doubting")).toBe(1));
  expect(await figure("refusing")).toBe(0);
  expect(await ready()).toEqual({ ready: true, problems: [] });
});

test("a checkpoint that the log still begins with is no alarm either", async () => {
  const sidecar = await connect("a", { witness: keyText(signer("a")) });
  await vi.waitFor(() => expect(requests(sidecar)).not.toEqual([]));
  const head = requests(sidecar)[0]?.checkpoint ?? "";
  tell(sidecar, { outcome: "rewritten", size: 1, head });
  await vi.waitFor(async () => expect(await figure("doubting")).toBe(1));
  expect((await ready()).problems).toEqual([]);
});

test("who says another place each time, or signs noise, is not asked without end", async () => {
  const sidecar = await connect("a", { witness: keyText(signer("a")) });
  const timer = setInterval(() => {
    tell(sidecar, { outcome: "elsewhere", size: Math.floor(performance.now()) });
    tell(sidecar, { outcome: "cosigned", size: 1, signature: "— noise AAAAAAAA\n" });
  }, 1);
  await vi.waitFor(async () => expect(sidecar.frames.length).toBeGreaterThan(3));
  await collector.client("operator").pause({ service: "s", ms: 1000 });
  const notes = new Set(requests(sidecar).map(({ checkpoint }) => checkpoint));
  expect(requests(sidecar).length).toBeLessThanOrEqual(4 * notes.size);
  expect(await figure("cosigned")).toBe(0);
  clearInterval(timer);
});

test("a key of another's name is not taken", async () => {
  const sidecar = await connect("a", { witness: keyText(signer("b")) });
  await vi.waitFor(() => expect(logKey(sidecar)).not.toBe(""));
  const other = await connect("b", { witness: keyText(signer("b")) });
  await vi.waitFor(() => expect(requests(other)).not.toEqual([]));
  expect(requests(sidecar)).toEqual([]);
  expect(await figure("connected")).toBe(1);
});

/** Signed, and right in itself, by a log that is not this collector's. */
async function foreignNote(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "locum-foreign-"));
  const log = await openAuditLog({
    dir,
    signer: { name: "locum/audit/other", privateKey: generateKeyPairSync("ed25519").privateKey },
  });
  const note = (await log.tree?.checkpoint()) ?? "";
  await log.close();
  return note;
}
