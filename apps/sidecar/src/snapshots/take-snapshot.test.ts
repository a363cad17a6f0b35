import { type Digest, digestOf } from "@locum/contracts";
import { releaseChannel } from "@locum/snapshot/repository";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LiveModel, newLiveModel } from "./live-model.fixture.ts";

const release = digestOf("a release");
const { signal } = new AbortController();
const given = { by: "sidecar:digits/a", loaded: undefined, signal };
let live: LiveModel;

beforeEach(async () => {
  live = await newLiveModel();
});
afterEach(() => live.close());

test("files of a proven release that stay the same are good, served and the release's", async () => {
  const { id, torn, channels, bytes } = await live.take({
    ...given,
    proven: { release, tree: await live.tree() },
  });
  expect({ torn, bytes }).toEqual({ torn: false, bytes: "first".length });
  expect(channels).toEqual(["last-known-good", "served", releaseChannel(release)]);
  expect(await live.refs()).toEqual(Object.fromEntries([...channels, "latest"].map((name) => [name, id])));
});

test.for<[string, (live: LiveModel) => Promise<Digest | null>]>([
  [
    "other files are found after it",
    async ({ write, tree }) => {
      await write("second");
      return tree();
    },
  ],
  ["nobody can say what is there after it", async () => null],
])("nothing but the latest where %s", async ([, lookAgain]) => {
  const proven = { release, tree: await live.tree() };
  const { id, channels } = await live.take({ ...given, proven, lookAgain: () => lookAgain(live) });
  expect(channels).toEqual([]);
  expect(await live.refs()).toEqual({ latest: id });
});

test("a model that changes under each of its reads is torn, and nothing but the latest", async () => {
  let writes = 0;
  const { id, torn } = await live.take({
    ...given,
    proven: { release, tree: await live.tree() },
    pace: () => live.write(`write ${++writes}`),
  });
  expect(torn).toBe(true);
  expect(await live.refs()).toEqual({ latest: id });
});

test("one that is ended midway leaves no snapshot, no channel and no claim", async () => {
  const stop = new AbortController();
  const taking = live.take({
    ...given,
    proven: { release, tree: await live.tree() },
    signal: stop.signal,
    pace: async () => {
      stop.abort();
      stop.signal.throwIfAborted();
    },
  });
  await expect(taking).rejects.toThrow();
  expect(await live.ids()).toEqual([]);
  expect(await live.refs()).toEqual({});
  expect(await live.intents()).toEqual([]);
});

test("a hook that fails is named, and the snapshot is torn", async () => {
  const wanted = live.wanted({ hooks: [{ kind: "sqlite", name: "facts", file: "/nowhere/facts.db" }] });
  const taken = await live.take({ ...given, wanted, proven: { release, tree: await live.tree() } });
  expect(taken).toMatchObject({ torn: true, left: ["hook facts"], channels: [] });
});
