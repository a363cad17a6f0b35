import { connect, detect } from "@locum/serving";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Peer, type PeerName, peerMissing, peerNames, startPeer } from "../servers/peer.ts";
import { until } from "../stack/until.ts";

/** What each real server is found to be, whatever state it is in. */
const known: Record<PeerName, { also: string[]; grpc: boolean }> = {
  triton: { also: ["oip-v2-grpc"], grpc: true },
  kserve: { also: ["kserve-v1", "oip-v2-grpc"], grpc: true },
  mlserver: { also: ["oip-v2-grpc"], grpc: true },
  torchserve: { also: [], grpc: false },
  openai: { also: [], grpc: false },
};
const serverNames: Record<PeerName, string> = {
  triton: "triton",
  kserve: "kserve",
  mlserver: "mlserver",
  torchserve: "torchserve",
  openai: "llama-cpp-python",
};

for (const name of peerNames) {
  const missing = peerMissing(name);
  if (missing) test.skip(`${name}: ${missing}`, () => undefined);
  else describe(`a real ${name}`, () => cases(name));
}

function cases(name: PeerName): void {
  let peer: Peer;
  beforeAll(async () => {
    peer = await startPeer(name);
  }, 600_000);
  afterAll(() => peer?.stop());

  test("is detected with its protocols, its name and its models, with /v1 or /v2 behind its URL", async () => {
    for (const path of ["", "/v1", "/v2/"]) {
      const found = await detect(`${peer.url}${path}`);
      expect(found).toMatchObject({
        protocol: peer.protocol,
        url: peer.url,
        also: known[name].also,
        server: { name: serverNames[name] },
        modelsKnown: true,
      });
      expect(found.grpc).toBe(known[name].grpc ? peer.grpc : undefined);
      expect(found.models).toContainEqual(expect.objectContaining({ name: peer.model, state: "READY" }));
      if (name === "torchserve") expect(found.management).toBe(peer.management);
    }
  });

  test("is spoken to without being told its protocol", async () => {
    const server = connect({ url: peer.url });
    expect(await server.ready(peer.model, { timeoutMs: 5000 })).toMatchObject({ ok: true });
    expect(server.protocol).toBe(peer.protocol);
    server.close();
  });

  test("stopped, it is nobody, and that is said within the time", async () => {
    const server = connect({ url: peer.url });
    peer.signal("SIGSTOP");
    try {
      await expect(detect(peer.url, { timeoutMs: 1000 })).rejects.toMatchObject({
        code: "upstream-unreachable",
        message: expect.stringContaining("timeout"),
      });
      expect(await server.live({ timeoutMs: 300 })).toMatchObject({ ok: false, detail: "timeout" });
    } finally {
      peer.signal("SIGCONT");
    }
    await expect.poll(() => server.ready(peer.model, { timeoutMs: 5000 })).toMatchObject({ ok: true });
    server.close();
  }, 60_000);

  test("is what it is while it is not ready", async () => {
    await peer.swap("garbage");
    await peer.restart({ waits: false });
    const server = connect({ url: peer.url });
    // Some end with garbage, some stay up: what answers for a while is never taken for another protocol.
    const seen = new Set<string>();
    const isGone = () => !peer.signal(0);
    await until(
      async () => {
        const found = await detect(peer.url, { timeoutMs: 2000 }).catch(() => undefined);
        if (found) seen.add(`${found.protocol} ${found.server?.name}`);
        return found !== undefined || isGone();
      },
      { what: `${name} to answer or to end`, withinMs: 40_000, everyMs: 200 },
    );
    expect([...seen].filter((one) => one !== `${peer.protocol} ${serverNames[name]}`)).toEqual([]);
    if (!isGone()) expect(await server.ready(peer.model, { timeoutMs: 3000 })).toMatchObject({ ok: false });
    server.close();
  }, 90_000);
}
