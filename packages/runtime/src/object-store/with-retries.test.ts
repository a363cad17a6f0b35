import { Fault } from "@locum/contracts";
import { expect, test } from "vitest";
import { createRandom } from "../random.ts";
import type { ListedObject } from "./list-pages.ts";
import { type BucketRequests, withRetries } from "./with-retries.ts";

/** A bucket in memory whose next requests end as it is told, before or after they were done. */
function brokenBucket(...faults: { before?: Error; after?: Error }[]) {
  const kept = new Map<string, Buffer>();
  let asked = 0;
  const request = async <T>(work: () => T): Promise<T> => {
    asked++;
    const { before, after } = faults.shift() ?? {};
    if (before) throw before;
    const done = work();
    if (after) throw after;
    return done;
  };
  const requests: BucketRequests = {
    put: (key, bytes) =>
      request(() => {
        if (kept.has(key)) return "exists";
        kept.set(key, Buffer.from(bytes));
        return "stored";
      }),
    range: (key, start, length) => request(() => kept.get(key)?.subarray(start, start + length)),
    size: (key) => request(() => kept.get(key)?.length),
    page: (prefix, token = "") =>
      request(() => {
        const keys = [...kept.keys()].filter((key) => key.startsWith(prefix) && key > token).sort();
        const objects: ListedObject[] = keys.slice(0, 2).map((key) => ({ key, bytes: 1, modifiedMs: 0 }));
        return { objects, next: keys.length > 2 ? keys[1] : undefined };
      }),
    remove: (key) => request(() => void kept.delete(key)),
  };
  const clock = { sleep: async () => {} };
  return { kept, bucket: withRetries(requests, { clock, random: createRandom(1) }), asked: () => asked };
}

const away = () => new Fault("storage-failed", "no answer");
const refused = (status: number) => new Fault("storage-failed", `${status}`, { cause: { status } });
const bytes = Buffer.from("mine");

test("a put whose answer was lost is the writer's own", async () => {
  const { bucket, kept } = brokenBucket({ after: away() }, {}, { before: away() });
  expect(await bucket.put("a", bytes)).toBe("stored");
  expect(kept.get("a")).toEqual(bytes);
});

test.for(["his", "mine, and more", "", "mi"])(
  "a put whose answer was lost has lost to one that wrote %j",
  async (other) => {
    const { bucket, kept } = brokenBucket({ before: away() });
    kept.set("a", Buffer.from(other));
    expect(await bucket.put("a", bytes)).toBe("exists");
    expect(kept.get("a")?.toString()).toBe(other);
  },
);

test("of two who write the same bytes, the one that was told of the other has not written them", async () => {
  const { bucket, kept } = brokenBucket({ before: new Fault("conflict", "409", { cause: { status: 409 } }) });
  kept.set("a", bytes);
  expect(await bucket.put("a", bytes)).toBe("exists");
});

test("a listing goes on with the page that failed", async () => {
  const { bucket, kept } = brokenBucket({}, { before: away() }, { after: refused(503) });
  for (const key of ["p/1", "p/2", "p/3", "p/4", "p/5", "q"]) kept.set(key, bytes);
  const keys: string[] = [];
  for await (const { key } of bucket.list("p/")) keys.push(key);
  expect(keys).toEqual(["p/1", "p/2", "p/3", "p/4", "p/5"]);
});

test("what stays away is told after five tries", async () => {
  const { bucket, asked } = brokenBucket(...Array.from({ length: 9 }, () => ({ before: away() })));
  await expect(bucket.size("a")).rejects.toMatchObject({ code: "storage-failed" });
  expect(asked()).toBe(5);
});

test.for([400, 404, 411, 501])(
  "an answer of %i: tried again only if the store is at fault",
  async (status) => {
    const { bucket, asked } = brokenBucket(...Array.from({ length: 9 }, () => ({ before: refused(status) })));
    await expect(bucket.remove("a")).rejects.toMatchObject({ code: "storage-failed" });
    expect(asked()).toBe(status < 500 ? 1 : 5);
  },
);

test("who may not is told at once", async () => {
  const { bucket, asked } = brokenBucket({ before: new Fault("not-authorised", "403") });
  await expect(bucket.range("a", 0, 1)).rejects.toMatchObject({ code: "not-authorised" });
  expect(asked()).toBe(1);
});

test("a listing without an end is a fault, not a part", async () => {
  const { bucket } = brokenBucket();
  const requests = { ...bucket, page: async () => ({ objects: [], next: "again" }) };
  const listing = withRetries(requests).list("p/");
  await expect(listing[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "storage-failed" });
});
