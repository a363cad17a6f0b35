import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type Peer, peerMissing, startPeer } from "../servers/peer.ts";
import { type PeerRequest, peerRequests } from "../servers/peer-requests.ts";
import { referencesOf, sendPeerTraffic } from "../servers/peer-traffic.ts";
import { locumCommand, type Running } from "../stack/locum-command.ts";
import { type StackView, viewStack } from "../stack/stack-view.ts";
import { until } from "../stack/until.ts";

const minutes = 60_000;
const missing = peerMissing("triton");

if (missing) test.skip(`two models on a real Triton: ${missing}`, () => undefined);
else
  describe("two models on each of two real Triton servers", () => {
    let dir: string;
    const peers: Record<string, Peer> = {};
    let running: Running | undefined;
    let view: StackView;
    let twin: PeerRequest[];
    let neighbour: PeerRequest[];

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-two-models-"));
      for (const id of ["a", "b"]) {
        const peer = await startPeer("triton", { dir: join(dir, id) });
        peers[id] = peer;
        await addTwin(peer);
      }
      const [first] = Object.values(peers);
      neighbour = first ? await peerRequests(first, 4) : [];
      twin = neighbour.map(({ path, body }) => ({ path: path.replace("/digits/", "/twin/"), body }));
      const locum = locumCommand({ dir });
      const config = join(dir, "locum.yaml");
      const inputs = join(dir, "inputs.json");
      const asked = [...neighbour, ...twin].map(({ path, body: { id: _, ...body } }) => ({ path, body }));
      await writeFile(inputs, JSON.stringify(asked));
      const pairs = Object.values(peers).flatMap(({ url, modelDir }) => [
        ...["--upstream", url],
        ...["--model-dir", dirname(modelDir)],
      ]);
      await locum.done("init", "--service", "digits", ...pairs, "--out", config);
      await locum.done("golden", "record", "--config", config, "--inputs", inputs);
      running = await locum.up(config);
      view = viewStack(running);
    }, 8 * minutes);
    afterAll(async () => {
      await running?.end();
      await Promise.all(Object.values(peers).map((peer) => peer.stop()));
      await rm(dir, { recursive: true, force: true });
    }, 2 * minutes);

    it(
      "one goes wrong: it is found and put right, its neighbour answers all along and stays",
      async () => {
        const reports = await view.settled();
        const [id = ""] = Object.entries(reports).find(([, { role }]) => role === "active") ?? [];
        const peer = peers[id];
        if (!peer) throw new Error(`no server ${id}`);
        const twinFile = peer.liveFile.replace("/digits/", "/twin/");
        const before = await readFile(twinFile);
        const traffic = sendPeerTraffic({
          url: view.service,
          requests: neighbour,
          references: await referencesOf(peer.url, neighbour),
          everyMs: 50,
        });
        const seen = new Set<string>();
        await cp(join(dir, id, "variants/wrong/model.npz"), twinFile);
        await load(peer, "twin");
        await until(
          async () => {
            const report = await view.report(id);
            for (const [name, { verdict }] of Object.entries(report?.models ?? {}))
              seen.add(`${name} ${verdict.kind}`);
            seen.add(`instance ${report?.verdict.kind} ${report?.diverted}`);
            return seen.has("twin failed");
          },
          { what: "the verdict on one model", withinMs: 20_000 },
        );
        await view.settled({ withinMs: minutes });
        await traffic.stop();
        expect(await readFile(twinFile)).toEqual(before);
        expect([...seen]).not.toContain("digits failed");
        expect([...seen].filter((line) => line.startsWith("instance failed"))).toEqual([]);
        expect(traffic.answers().length).toBeGreaterThan(10);
        expect(traffic.answers().filter(({ outcome }) => outcome !== "right")).toEqual([]);
      },
      3 * minutes,
    );
  });

/** The same model under another name, loaded. */
async function addTwin(peer: Peer): Promise<void> {
  const folder = join(dirname(peer.modelDir), "twin");
  await cp(peer.modelDir, folder, { recursive: true });
  const config = await readFile(join(folder, "config.pbtxt"), "utf8");
  await writeFile(join(folder, "config.pbtxt"), config.replace('"digits"', '"twin"'));
  await load(peer, "twin");
}

async function load({ url }: Peer, model: string): Promise<void> {
  const answer = await fetch(`${url}/v2/repository/models/${model}/load`, { method: "POST" });
  if (!answer.ok) throw new Error(`load of ${model}: ${answer.status} ${await answer.text()}`);
}
