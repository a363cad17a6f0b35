import { treeChunkBytes } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { peerSource } from "./peer-source.ts";
import type { TreePeer } from "./peer-states.ts";
import { readAhead } from "./read-ahead.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir } from "./testing/model-dir.ts";

const bytes = Buffer.alloc(2 * treeChunkBytes + 100);
for (let at = 0; at < bytes.length; at += 97) bytes[at] = at % 251;
const tree = await (async () => {
  await using model = await makeModelDir({ "model.bin": bytes, small: "tiny" });
  return await scanTree({ dir: model.dir });
})();
const [big = never(), small = never()] = tree.files;
const limits = { failuresMax: 2, hedgeFirstMs: 5000, hedgeFloorMs: 5000, answerMsMax: 5000, busyMsMax: 200 };

function never(): never {
  throw new Error("the tree has two files");
}
const contentOf = (path: string) => (path === "small" ? Buffer.from("tiny") : bytes);

type Ask = TreePeer["ask"];
const honest: Ask = async ({ file, offset, length, buffer }) => {
  const part = buffer.subarray(0, length);
  part.set(contentOf(file.path).subarray(offset, offset + length));
  return { kind: "bytes", bytes: part };
};
/** One that hangs until it is left. */
const silent: Ask = ({ signal }) =>
  new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve({ kind: "failed", reason: "left" }), { once: true }),
  );

function peersOf(asks: Record<string, Ask>) {
  const asked: Record<string, number> = {};
  const peers = Object.entries(asks).map(
    ([name, ask]): TreePeer => ({
      name,
      ask: (wanted) => {
        asked[name] = (asked[name] ?? 0) + 1;
        return ask(wanted);
      },
    }),
  );
  return { peers, asked };
}

const buffer = () => new Uint8Array(treeChunkBytes);
const sourceOf = (asks: Record<string, Ask>, more: Partial<typeof limits> = {}) => {
  const { peers, asked } = peersOf(asks);
  const dropped: string[] = [];
  const source = peerSource({
    tree,
    peers,
    clock: systemClock,
    limits: { ...limits, ...more },
    onDropped: (peer, reason) => dropped.push(`${peer}: ${reason}`),
  });
  return { source, asked, dropped };
};

describe("peers as a source", () => {
  test("give every chunk, checked, from both", async () => {
    const { source, asked } = sourceOf({ a: honest, b: honest });
    for (const chunk of big.chunks.keys()) {
      const found = await source.readChunk(big, chunk, buffer());
      expect(
        Buffer.from(found).equals(bytes.subarray(chunk * treeChunkBytes, (chunk + 1) * treeChunkBytes)),
      ).toBe(true);
    }
    expect(Buffer.from(await source.readChunk(small, 0, buffer())).toString()).toBe("tiny");
    expect(asked).toEqual({ a: 2, b: 2 });
  });

  test("a liar is found at its first chunk, whatever it lies about, and is not asked again", async () => {
    const lies: Ask[] = [
      async (wanted) => {
        const answer = await honest(wanted);
        if (answer.kind === "bytes")
          answer.bytes[wanted.length >> 1] = (answer.bytes[wanted.length >> 1] ?? 0) ^ 1;
        return answer;
      },
      async ({ buffer: own }) => ({ kind: "bytes", bytes: own.subarray(0, 3) }),
      async ({ buffer: own, length }) => ({ kind: "bytes", bytes: own.subarray(0, length).fill(0) }),
    ];
    for (const lie of lies) {
      const { source, asked, dropped } = sourceOf({ liar: lie, honest });
      await source.readChunk(big, 0, buffer());
      await source.readChunk(big, 1, buffer());
      expect(asked.liar).toBe(1);
      expect(dropped).toEqual(["liar: gave other bytes of model.bin"]);
    }
  });

  test("only liars are no source", async () => {
    const { source } = sourceOf({
      liar: async ({ buffer: own, length }) => ({ kind: "bytes", bytes: own.subarray(0, length).fill(9) }),
    });
    await expect(source.readChunk(big, 0, buffer())).rejects.toMatchObject({ code: "snapshot-missing" });
  });

  test("one that dies midway is dropped, and the other gives the rest", async () => {
    let left = 1;
    const dies: Ask = (wanted) =>
      left-- > 0 ? honest(wanted) : Promise.resolve({ kind: "failed", reason: "reset" });
    const { source, dropped } = sourceOf({ dies, other: honest });
    for (let round = 0; round < 8; round++) await source.readChunk(big, round % 3, buffer());
    await expect
      .poll(() => source.readChunk(small, 0, buffer()).then(() => dropped))
      .toEqual(["dies: reset"]);
  });

  test("one whose files changed is dropped at once", async () => {
    const { source, dropped } = sourceOf({
      a: async () => ({ kind: "gone", reason: "another tree" }),
      b: honest,
    });
    await source.readChunk(big, 0, buffer());
    await source.readChunk(big, 1, buffer());
    expect(dropped).toEqual(["a: another tree"]);
  });

  test("a slow one is left for another, and is not dropped for it", async () => {
    const { source, dropped } = sourceOf({ silent, b: honest }, { hedgeFirstMs: 5, hedgeFloorMs: 5 });
    await source.readChunk(big, 0, buffer());
    expect(dropped).toEqual([]);
  });

  test("one that never answers is no source", async () => {
    const { source, dropped } = sourceOf({ silent }, { answerMsMax: 5 });
    await expect(source.readChunk(big, 0, buffer())).rejects.toMatchObject({ code: "snapshot-missing" });
    expect(dropped).toEqual(["silent: no answer within 5 ms"]);
  });

  test("who is busy is waited for, for a while", async () => {
    let busy = 2;
    const later: Ask = (wanted) =>
      busy-- > 0 ? Promise.resolve({ kind: "busy", retryAfterMs: 5 }) : honest(wanted);
    await expect(sourceOf({ later }).source.readChunk(big, 0, buffer())).resolves.toHaveLength(
      treeChunkBytes,
    );
    const always: Ask = async () => ({ kind: "busy", retryAfterMs: 5 });
    await expect(
      sourceOf({ always }, { busyMsMax: 20 }).source.readChunk(big, 0, buffer()),
    ).rejects.toMatchObject({
      message: expect.stringContaining("no peer gives anything now"),
    });
  });
});

describe("reading ahead", () => {
  test("gives the chunks in order, each asked for once, in few buffers", async () => {
    const { source, asked } = sourceOf({ a: honest });
    const ahead = readAhead(source, { chunks: 2 });
    const all: Buffer[] = [];
    for (const chunk of big.chunks.keys()) all.push(Buffer.from(await ahead.readChunk(big, chunk, buffer())));
    expect(Buffer.concat(all).equals(bytes)).toBe(true);
    expect(asked.a).toBe(3);
    expect(Buffer.from(await ahead.readChunk(small, 0, buffer())).toString()).toBe("tiny");
    // Back to an earlier chunk, as a reader may go.
    expect(
      Buffer.from(await ahead.readChunk(big, 0, buffer())).equals(bytes.subarray(0, treeChunkBytes)),
    ).toBe(true);
  });

  test("a chunk that fails fails for its reader alone", async () => {
    let calls = 0;
    const flaky: Ask = (wanted) =>
      wanted.offset > 0 && calls++ === 0 ? Promise.resolve({ kind: "gone", reason: "gone" }) : honest(wanted);
    const ahead = readAhead(sourceOf({ flaky }).source, { chunks: 3 });
    await expect(ahead.readChunk(big, 0, buffer())).resolves.toHaveLength(treeChunkBytes);
    await expect(ahead.readChunk(big, 1, buffer())).rejects.toMatchObject({ code: "snapshot-missing" });
  });
});
