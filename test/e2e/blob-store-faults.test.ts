import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bucketsMissing,
  type RealBucket,
  startBucket,
  startStorage,
} from "../conformance/real-blob-stores.ts";
import { locumCommand } from "../stack/locum-command.ts";

const missing = bucketsMissing();

/** Takes the address while the proxy does not listen there, until it has cut off that many connections. */
async function refused(url: string, times: number): Promise<void> {
  const { hostname, port } = new URL(url);
  let count = 0;
  const server = createServer((socket) => {
    socket.destroy();
    if (++count === times) server.close();
  }).listen(Number(port), hostname);
  await once(server, "close");
}

type Toxic = { type: string; attributes: Record<string, number>; stream?: "upstream" };

describe.skipIf(missing !== undefined)(
  `a bucket behind a network that breaks${missing ? ` (skipped: ${missing})` : ""}`,
  () => {
    let bucket: RealBucket;
    let dir: string;
    let toxiproxy: { url: string; pid: number };
    let through: string;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-toxic-"));
      bucket = await startBucket("versitygw");
      toxiproxy = await startStorage("toxiproxy", join(dir, "toxiproxy"));
      const upstream = new URL(bucket.endpoint).host;
      const made = await control("POST", "", { name: "s3", listen: "127.0.0.1:0", upstream });
      through = `http://${made.listen}`;
    }, 600_000);
    afterAll(async () => {
      await bucket?.stop();
      if (toxiproxy) process.kill(toxiproxy.pid);
      await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    });

    async function control(method: string, path: string, body?: object): Promise<{ listen: string }> {
      const answer = await fetch(`${toxiproxy.url}/proxies${path}`, {
        method,
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      if (!answer.ok) throw new Error(`toxiproxy answered ${answer.status}`);
      return answer.status === 204 ? { listen: "" } : ((await answer.json()) as { listen: string });
    }

    test.for<[string, (on: boolean) => Promise<unknown>]>([
      [
        "is cut after 200 KB",
        toxic({ type: "limit_data", attributes: { bytes: 200_000 }, stream: "upstream" }),
      ],
      ["is reset", toxic({ type: "reset_peer", attributes: { timeout: 10 } })],
      ["is down", (on) => control("POST", "/s3", { enabled: !on })],
    ])(
      "where it %s, nothing is committed, what was is whole, and the next try succeeds",
      { timeout: 180_000 },
      async ([, fault]) => {
        const { folder, text, locum } = await openDesk(1_000_000);
        const model = join(folder, "model");
        const create = ["snapshot", "create", "-r", text, "--model-dir", model, "--name", "m"];
        await locum.done("snapshot", "init", "-r", text, "--make-key");
        await locum.done(...create);
        await writeFile(join(model, "weights.bin"), randomBytes(2_000_000));
        const count = async () =>
          (await locum.done("snapshot", "ls", "-r", text, "--json")).stdout.trim().split("\n").length - 1;
        await fault(true);
        const ended = await locum.run(...create);
        await fault(false);
        expect([ended.code, ended.stderr]).toEqual([15, expect.stringContaining("error storage-failed")]);
        expect(await count()).toBe(1);
        await locum.done(...create);
        expect(await count()).toBe(2);
        await locum.done("snapshot", "verify", "-r", text, "--read-data");
        const back = join(folder, "back");
        await locum.done("snapshot", "restore", "m/latest", "-r", text, "--to", back);
        const [is, was] = await Promise.all([back, model].map((at) => readFile(join(at, "weights.bin"))));
        expect(is?.equals(was ?? Buffer.alloc(0))).toBe(true);
      },
    );

    test("one that is down for a moment is waited for, by a commit and by a restore", {
      timeout: 180_000,
    }, async () => {
      const { folder, text, locum, weights } = await openDesk(1_000_000);
      await locum.done("snapshot", "init", "-r", text, "--make-key");
      const awayDuring = async (...args: string[]) => {
        await control("POST", "/s3", { enabled: false });
        const ended = locum.done("snapshot", ...args);
        // Back at the second try to connect, which a listener of its own sees in the proxy's place.
        await refused(through, 2);
        await control("POST", "/s3", { enabled: true });
        return ended;
      };
      await awayDuring("create", "-r", text, "--model-dir", "model", "--name", "m");
      await awayDuring("restore", "m/latest", "-r", text, "--to", "back");
      expect((await readFile(join(folder, "back", "weights.bin"))).equals(weights)).toBe(true);
    });

    test("where it is cut, a restore leaves nothing in its place, and goes on at the next try", {
      timeout: 180_000,
    }, async () => {
      const { folder, text, locum, weights } = await openDesk(3_000_000);
      await locum.done("snapshot", "init", "-r", text, "--make-key");
      await locum.done("snapshot", "create", "-r", text, "--model-dir", "model", "--name", "m");
      const restore = ["snapshot", "restore", "m/latest", "-r", text, "--to", "back"];
      const cut = toxic({ type: "limit_data", attributes: { bytes: 300_000 } });
      await cut(true);
      const ended = await locum.run(...restore);
      await cut(false);
      expect([ended.code, ended.stderr]).toEqual([15, expect.stringContaining("error storage-failed")]);
      await expect(readFile(join(folder, "back", "weights.bin"))).rejects.toMatchObject({ code: "ENOENT" });
      await locum.done(...restore);
      expect((await readFile(join(folder, "back", "weights.bin"))).equals(weights)).toBe(true);
    });

    test("a slow one is waited for", { timeout: 180_000 }, async () => {
      const { text, locum } = await openDesk(100_000);
      const slow = toxic({ type: "latency", attributes: { latency: 200 } });
      await slow(true);
      await locum.done("snapshot", "init", "-r", text, "--make-key");
      await locum.done("snapshot", "create", "-r", text, "--model-dir", "model", "--name", "m");
      await locum.done("snapshot", "restore", "m/latest", "-r", text, "--to", "back");
      await slow(false);
    });

    /** A model of one file, and a place in the bucket of its own, by way of the proxy. */
    async function openDesk(bytes: number) {
      const folder = await mkdtemp(join(dir, "model-"));
      const { text, env } = bucket.place(randomUUID(), through);
      const weights = randomBytes(bytes);
      await mkdir(join(folder, "model"));
      await writeFile(join(folder, "model", "weights.bin"), weights);
      return { folder, text, weights, locum: locumCommand({ dir: folder, env }) };
    }

    function toxic(what: Toxic): (on: boolean) => Promise<unknown> {
      return (on) =>
        on
          ? control("POST", "/s3/toxics", { name: what.type, ...what })
          : control("DELETE", `/s3/toxics/${what.type}`);
    }
  },
);
