import { generateKeyPairSync } from "node:crypto";
import { WitnessAnswer, WitnessRequest } from "@locum/contracts";
import { expect, test } from "vitest";
import { leafHash } from "./merkle/merkle-hash.ts";
import { createTileTree } from "./merkle/tile-tree.ts";
import { signCheckpoint } from "./note/checkpoint.ts";
import { cosignedAt } from "./note/cosignature.ts";
import { noteKeyOf } from "./note/note-key.ts";
import { witness } from "./witness.ts";

const log = { name: "locum/audit", privateKey: generateKeyPairSync("ed25519").privateKey };
const signer = { name: "sidecar-a", privateKey: generateKeyPairSync("ed25519").privateKey };
const atSeconds = 1_767_323_045;

function grown(count: number, altered = -1) {
  const tree = createTileTree({ read: async () => undefined });
  for (let index = 0; index < count; index += 1) tree.push(leafHash(`${index === altered}${index}`));
  return tree;
}

const step = async (head: string | undefined, old: number, tree: ReturnType<typeof grown>, by = log) => {
  const request = WitnessRequest.parse({
    old,
    proof: old > tree.size() ? [] : (await tree.consistency(old)).map((hash) => hash.toString("base64")),
    checkpoint: signCheckpoint({ size: tree.size(), root: tree.root() }, by),
  });
  const { answer, head: next } = witness({ head, request, log: noteKeyOf(log, "log"), signer, atSeconds });
  return { answer: WitnessAnswer.parse(answer), head: next, request };
};

test("a witness follows a log that only grows, and its line can be checked", async () => {
  let head: string | undefined;
  let size = 0;
  for (const count of [1, 5, 5, 300, 700]) {
    const seen = await step(head, size, grown(count));
    expect(seen.answer).toMatchObject({ outcome: "cosigned", size: count });
    if (seen.answer.outcome === "cosigned")
      expect(cosignedAt(seen.request.checkpoint, seen.answer.signature, noteKeyOf(signer, "witness"))).toBe(
        atSeconds,
      );
    head = seen.head;
    size = count;
  }
});

test("a history that was rewritten, or cut, is refused, and the witness stays where it was", async () => {
  const { head } = await step(undefined, 0, grown(300));
  for (const tree of [grown(700, 120), grown(300, 120), grown(200)]) {
    const seen = await step(head, 300, tree);
    expect(seen.answer).toEqual({ outcome: "rewritten", size: 300, head });
    expect(seen.head).toBe(head);
  }
  expect((await step(head, 300, grown(700))).answer.outcome).toBe("cosigned");
});

test("one that is asked from elsewhere says where it stands; one of another key is not believed", async () => {
  const { head } = await step(undefined, 0, grown(300));
  expect((await step(head, 0, grown(700))).answer).toEqual({ outcome: "elsewhere", size: 300 });
  const thief = { ...log, privateKey: generateKeyPairSync("ed25519").privateKey };
  const seen = await step(head, 300, grown(700), thief);
  expect(seen).toMatchObject({ answer: { outcome: "unsigned" }, head });
});
