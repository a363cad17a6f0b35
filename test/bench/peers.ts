import { randomFillSync } from "node:crypto";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { type Agent, createServer, get } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCertificate } from "@locum/collector/test-certificate-fixture";
import { type Tree, treeChunkBytes } from "@locum/contracts";
import { systemClock } from "@locum/runtime";
import { askPeer, createFilesServer, peerAgent } from "@locum/sidecar/sources";
import { peerSource, readAhead, scanLive } from "@locum/snapshot";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { quantile } from "./quantile.ts";
import { table } from "./table.ts";

const objective = 0.9;
const tls = { ...testCertificate, ca: testCertificate.cert };
const pieceBytes = 262_144;

/** Bytes of a restore from a peer, each chunk compared, against the same bytes by the same TLS from a server that does nothing else. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const megabytes = typeof flags.megabytes === "number" ? flags.megabytes : 256;
  const rounds = typeof flags.rounds === "number" ? flags.rounds : 7;
  const dir = await mkdtemp(join(tmpdir(), "locum-bench-peers-"));
  const ends: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })];
  try {
    const bytes = megabytes << 20;
    await writeModel(join(dir, "models"), bytes);
    const live = await scanLive({ dir: join(dir, "models") });
    const { tree } = live;
    const giver = createFilesServer({
      tls,
      dir: join(dir, "models"),
      live: () => live,
      isApproved: () => true,
      gate: { mayGive: () => true, untilMayGive: async () => {}, gave() {} },
      pace: async () => {},
      log: () => {},
    });
    const bare = bareServer(bytes);
    const urls = { giver: await listening(giver), bare: await listening(bare) };
    ends.push(
      () => end(giver),
      () => end(bare),
    );
    const agent = peerAgent(tls);
    ends.push(() => agent.destroy());
    const ways: Record<string, () => Promise<void>> = {
      "node:https, nothing compared": () => download(urls.bare, agent),
      "restore from a peer": () => restoreFrom(urls.giver, { agent, tree }),
    };
    const rates = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
    for (let round = -1; round < rounds; round++)
      for (const [name, work] of Object.entries(ways)) {
        const startMs = performance.now();
        await work();
        // The first round warms up.
        if (round >= 0) rates.get(name)?.push(bytes / 1e3 / (performance.now() - startMs));
      }
    const rows = [...rates].map(([way, each]) => ({ way, megabytesPerSecond: quantile(each, 0.5) }));
    const [base, peer] = rows.map(({ megabytesPerSecond }) => megabytesPerSecond);
    const ratio = (peer ?? 0) / (base ?? 1);
    for (const row of rows) emit({ kind: "way", ...row });
    print(
      table(
        ["way", "MB/s"],
        rows.map(({ way, megabytesPerSecond }) => [way, megabytesPerSecond.toFixed(0)]),
      ),
    );
    print(`${megabytes} MiB over TLS 1.3 on loopback, medians of ${rounds} rounds, in turn`);
    print(`ratio ${ratio.toFixed(2)}, asked ${objective}`);
    return { ratio, objectivesMet: ratio >= objective };
  } finally {
    for (const done of ends.reverse()) await done();
  }
}

async function writeModel(dir: string, bytes: number): Promise<void> {
  await mkdir(dir);
  await using file = await open(join(dir, "model.safetensors"), "w");
  const piece = randomFillSync(Buffer.alloc(1 << 20));
  for (let at = 0; at < bytes; at += piece.length) {
    piece.writeDoubleLE(at);
    await file.write(piece);
  }
}

/** Sends the same number of bytes from memory. */
function bareServer(bytes: number) {
  const piece = Buffer.alloc(pieceBytes, 7);
  return createServer({ ...tls, requestCert: true, minVersion: "TLSv1.3" }, (_request, response) => {
    let left = bytes;
    response.writeHead(200, { "content-length": bytes });
    const more = (): void => {
      while (left > 0) {
        left -= piece.length;
        if (!response.write(piece)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  });
}

function download(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      answer.on("data", () => {});
      answer.on("end", resolve);
      answer.on("error", reject);
    }).on("error", reject);
  });
}

async function restoreFrom(url: string, { agent, tree }: { agent: Agent; tree: Tree }): Promise<void> {
  const peers = [askPeer({ name: "peer", url, tree: tree.digest, agent })];
  const source = readAhead(peerSource({ tree, peers, clock: systemClock }));
  const buffer = new Uint8Array(treeChunkBytes);
  for (const file of tree.files)
    for (const chunk of file.chunks.keys()) await source.readChunk(file, chunk, buffer);
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ),
  );
}

function end(server: ReturnType<typeof createServer>): void {
  server.close();
  server.closeAllConnections();
}
