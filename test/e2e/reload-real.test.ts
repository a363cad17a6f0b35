import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from "vitest";
import { type Peer, type PeerName, peerMissing } from "../servers/peer.ts";
import { peerFaults } from "../servers/peer-faults.ts";
import { type PeerSidecar, startPeerSidecar } from "../servers/peer-sidecar.ts";
import { until } from "../stack/until.ts";

/** Reloads and restarts of real servers, each proven by its goldens, by a sidecar that is alone. */
const minutes = 60_000;
const patient = { timeout: 90_000, interval: 50 };

const strike = (fault: string, peer: Peer) => peerFaults[fault]?.strike(peer);
const verdict = ({ sidecar }: PeerSidecar, word: RegExp | string) =>
  expect.poll(() => sidecar.verdict(), patient).toMatch(word);
const reasons = ({ audit }: PeerSidecar, kind: string) =>
  audit.filter((event) => event.kind === kind).map(({ reason }) => reason);

const lastResult = ({ audit }: PeerSidecar) =>
  audit.findLast(({ kind }) => kind === "restore.result" || kind === "reload.result")?.reason;

/** How each is told to load its files again, and whether the model from before outlives a file that does not load. */
const loading = [
  { name: "triton", keepsOld: true },
  { name: "mlserver", keepsOld: true },
  { name: "kserve", keepsOld: true },
  { name: "torchserve", keepsOld: false },
] as const satisfies readonly { name: PeerName; keepsOld: boolean }[];

for (const { name, keepsOld } of loading) {
  const missing = peerMissing(name);
  if (missing) {
    test.skip(`${name}: ${missing}`, () => undefined);
    continue;
  }
  describe(`a real ${name}`, () => {
    let at: PeerSidecar;
    let good: Buffer;
    beforeAll(async () => {
      at = await startPeerSidecar(name);
      good = await readFile(at.peer.liveFile);
      await at.settled();
    }, 8 * minutes);
    afterAll(() => at?.close(), 2 * minutes);

    it(
      "a wrong model that loads well is found, restored, loaded and proven right",
      async () => {
        await strike("wrong model", at.peer);
        await verdict(at, "failed wrong-output hard");
        expect(at.sidecar.report().diverted).toBe(true);
        await at.settled();
        expect(at.sidecar.report()).toMatchObject({ bytes: "approved", goldens: "proven", diverted: false });
        expect((await readFile(at.peer.liveFile)).equals(good)).toBe(true);
        // A slow load may come after the files were put right: then they only have to be loaded again.
        const why =
          /wrong files and wrong answers: .*answered wrongly|wrong-output with right files: .*answered wrongly/;
        expect([...reasons(at, "restore.intent"), ...reasons(at, "reload.intent")].join("\n")).toMatch(why);
        expect(lastResult(at)).toMatch(/loaded|registered/);
        expect(lastResult(at)).toMatch(/goldens pass/);
      },
      3 * minutes,
    );

    it(
      keepsOld
        ? "garbage is put right while the model from before serves all along"
        : "garbage takes the model away, and the restore brings it back",
      async () => {
        const failures: number[] = [];
        let watching = true;
        const watch = (async () => {
          while (watching) failures.push(await at.failures("server"));
        })();
        const before = reasons(at, "restore.result").length;
        try {
          await at.peer.swap("garbage");
          await askToLoad(at.peer);
          await expect.poll(() => reasons(at, "restore.result").length, patient).toBeGreaterThan(before);
          await at.settled();
        } finally {
          watching = false;
          await watch;
        }
        expect((await readFile(at.peer.liveFile)).equals(good)).toBe(true);
        expect(await at.failures("tap")).toBe(0);
        if (keepsOld) expect(failures.reduce((sum, count) => sum + count, 0)).toBe(0);
        else expect(lastResult(at)).toMatch(/goldens pass/);
      },
      3 * minutes,
    );

    if (name === "triton")
      it(
        "a stub that was killed comes back by unload and load",
        async () => {
          const before = reasons(at, "reload.result").length;
          await strike("worker killed", at.peer);
          await expect.poll(() => reasons(at, "reload.result").length, patient).toBeGreaterThan(before);
          await at.settled();
          expect(await at.failures("server")).toBe(0);
          // Each question waits a second for the stub before it fails: under load that is a hang first.
          expect(reasons(at, "reload.intent").at(-1)).toMatch(/^(errors|hung) with right files: /);
          expect(reasons(at, "reload.result").at(-1)).toMatch(/loaded.*goldens pass/);
        },
        3 * minutes,
      );
  });
}

/** A load of files that do not load: the server refuses, which is not our concern here. */
async function askToLoad(peer: Peer): Promise<void> {
  await Promise.resolve(strikeLoad(peer)).catch(() => undefined);
}

async function strikeLoad({ name, url, management, model }: Peer): Promise<void> {
  if (name === "torchserve") {
    await fetch(`${management}/models/${model}`, { method: "DELETE" });
    const query = `url=${model}.mar&initial_workers=1&synchronous=true`;
    await fetch(`${management}/models?${query}`, { method: "POST" });
  } else await fetch(`${url}/v2/repository/models/${model}/load`, { method: "POST" });
}

const openaiMissing = peerMissing("openai");
if (openaiMissing) test.skip(`openai: ${openaiMissing}`, () => undefined);
else
  describe("a real llama.cpp behind the OpenAI API, which has no reload and maps its weights", () => {
    let at: PeerSidecar | undefined;
    afterEach(async () => {
      const pid = await childPid(at);
      await at?.close();
      if (pid > 1) endGroup(pid);
      at = undefined;
    }, 2 * minutes);

    it(
      "weights written over in place are put back by rename, and the exec driver restarts it",
      async () => {
        at = await startPeerSidecar("openai", {
          restart: async (peer) => ({ exec: await peer.restartCommand() }),
        });
        await at.settled();
        const { liveFile } = at.peer;
        const [good, before, pid] = [await readFile(liveFile), await stat(liveFile), at.peer.pid];
        await overwriteInPlace(at);
        await verdict(at, "failed wrong-output hard");
        await at.settled();
        expect((await readFile(liveFile)).equals(good)).toBe(true);
        expect((await stat(liveFile)).ino).not.toBe(before.ino);
        expect(at.peer.pid).not.toBe(pid);
        expect(reasons(at, "restore.result").at(-1)).toMatch(/put back.*restarted.*goldens pass/);
      },
      4 * minutes,
    );

    it(
      "without a restart driver the files are right, the memory is not, and that is what is said",
      async () => {
        at = await startPeerSidecar("openai");
        await at.settled();
        const good = await readFile(at.peer.liveFile);
        await overwriteInPlace(at);
        await verdict(at, "failed wrong-output hard");
        await expect.poll(() => at?.sidecar.report().bytes, patient).toBe("approved");
        await expect.poll(() => at && reasons(at, "restore.result").length, patient).toBe(1);
        expect((await readFile(at.peer.liveFile)).equals(good)).toBe(true);
        expect(reasons(at, "restore.result")[0]).toMatch(
          /put back.*in memory stays until a restart, and no restart driver is configured/,
        );
        expect(at.sidecar.report()).toMatchObject({
          diverted: true,
          fit: false,
          verdict: { kind: "failed" },
        });
      },
      4 * minutes,
    );

    it(
      "as a child of the sidecar: hung, killed, wrong; each time proven right again",
      async () => {
        at = await startPeerSidecar("openai", { restart: asChild });
        await at.settled();
        const first = await childPid(at);
        await at.restartSidecar();
        expect(await childPid(at)).toBe(first);
        await at.settled();

        process.kill(-first, "SIGSTOP");
        await verdict(at, /^failed hung/);
        await at.settled();
        const second = await childPid(at);
        expect(second).not.toBe(first);
        expect(isThere(first)).toBe(false);
        expect(reasons(at, "restart.intent").at(-1)).toMatch(/^hung with right files: /);

        process.kill(-second, "SIGKILL");
        await verdict(at, /^failed process-gone/);
        await at.settled();
        const third = await childPid(at);
        expect(third).not.toBe(second);
        expect(reasons(at, "restart.intent").at(-1)).toMatch(
          /^process-gone with right files: |ended with SIGKILL by itself/,
        );

        const good = await readFile(at.peer.liveFile);
        await overwriteInPlace(at);
        await verdict(at, /^failed wrong-output/);
        await at.settled();
        expect((await readFile(at.peer.liveFile)).equals(good)).toBe(true);
        expect(await at.failures("tap")).toBe(0);
      },
      6 * minutes,
    );
  });

/** The server goes on as the sidecar's own: the same program with the same arguments, read from what runs now. */
async function asChild(peer: Peer) {
  const child = readFileSync(`/proc/${peer.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  peer.signal("SIGTERM");
  await until(() => !peer.signal(0), { what: `${peer.name} to end` });
  return { child, stopMs: 5000 };
}

const childPid = async (at: PeerSidecar | undefined): Promise<number> =>
  Number(await readFile(join(at?.dir ?? "", "state/model-server.pid"), "utf8").catch(() => "0"));

/** As a careless copy does: the server has these bytes mapped. */
async function overwriteInPlace({ dir, peer }: PeerSidecar): Promise<void> {
  await using handle = await open(peer.liveFile, "r+");
  await handle.write(await readFile(join(dir, "server/variants/wrong/model.gguf")));
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended with its test.
  }
}

const isThere = (pid: number): boolean => {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
};
