import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readServerState, setServer } from "./haproxy-runtime.ts";

const up = { state: "up", weight: 100, reason: "" } as const;
const last = { state: "up", weight: 1, reason: "" } as const;
const drain = { state: "drain", weight: 100, reason: "" } as const;
const down = { state: "down", weight: 100, reason: "not-finite" } as const;
const head =
  "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight";

describe("what HAProxy answers", () => {
  test("is the state of the server, after commands that said nothing", () => {
    const answer = `\n\n${head}\n2 digits 1 a 127.0.0.1 2 8 1 100\n2 digits 2 b 127.0.0.1 0 1 100 100\n\n`;
    expect(readServerState(answer, "a")).toEqual({ isUp: true, maint: false, drain: true, weight: 1 });
    expect(readServerState(answer, "b")).toEqual({ isUp: false, maint: true, drain: false, weight: 100 });
  });

  test.each([
    ["a refusal", `No such server.\n\n${head}\n2 digits 1 a 127.0.0.1 2 0 1 100\n`, /No such server/],
    ["no backend", "Can't find backend.\n\n", /Can't find backend/],
    ["permission", "Permission denied\n\n", /Permission denied/],
    ["nothing", "", /nothing/],
    ["another server", `\n${head}\n2 digits 1 b 127.0.0.1 2 0 1 100\n`, /state of a/],
    ["a row that ends early", `\n${head}\n2 digits 1 a 127.0.0.1\n`, /state of a/],
    ["words for numbers", `\n${head}\n2 digits 1 a 127.0.0.1 up 0 1 100\n`, /state of a/],
  ])("is an error where it is %s", (_name, answer, message) => {
    expect(() => readServerState(answer, "a")).toThrow(message);
  });

  test("is a state or an error, whatever it is", () => {
    const line = fc.oneof(fc.constant(head), fc.constant("2 digits 1 a 127.0.0.1 2 0 1 100"), fc.string());
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        try {
          expect(readServerState(lines.join("\n"), "a").weight).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect((error as Error).message.length).toBeLessThan(300);
        }
      }),
    );
  });
});

describe("a Runtime API that is none", () => {
  let server: Server;
  const at = (): string => `127.0.0.1:${(server.address() as { port: number }).port}`;
  const serve = async (answer: (socket: Socket) => void): Promise<void> => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined).resume();
      answer(socket);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  };
  const set = () => setServer({ runtime: at(), backend: "digits", server: "a" }, up, { timeoutMs: 200 });
  afterEach(() => void server.close());

  test("that never answers is left", async () => {
    await serve(() => undefined);
    await expect(set()).rejects.toThrow(/200 ms/);
  });

  test("that never ends is left", async () => {
    await serve((socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write("x".repeat(65_536)));
      };
      socket.on("drain", more);
      more();
    });
    await expect(set()).rejects.toThrow(/too large|200 ms/);
  });

  test("that takes no notice is found out", async () => {
    await serve((socket) => void socket.end(`\n\n${head}\n2 digits 1 a 127.0.0.1 2 1 1 100\n`));
    await expect(set()).rejects.toThrow(/not ready/);
  });
});

const isThere = spawnSync("haproxy", ["-v"]).status === 0;
describe.skipIf(!isThere)(`HAProxy itself${isThere ? "" : " (it is not installed)"}`, () => {
  let dir: string;
  let haproxy: ReturnType<typeof spawn>;
  const server = () => ({ runtime: join(dir, "admin.sock"), backend: "digits", server: "a" });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-runtime-"));
    const config = `global
  stats socket ${dir}/admin.sock level admin
defaults
  timeout connect 1s
  timeout client 1s
  timeout server 1s
backend digits
  server a 127.0.0.1:9 weight 100
  server b 127.0.0.1:9 weight 100
`;
    await writeFile(join(dir, "haproxy.cfg"), config);
    haproxy = spawn("haproxy", ["-db", "-f", join(dir, "haproxy.cfg")], { stdio: "ignore" });
  });
  afterEach(async () => {
    haproxy.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true });
  });

  test("takes each word, again and again, and gives it back", async () => {
    await expect.poll(() => setServer(server(), up).then(() => true, String), { timeout: 5000 }).toBe(true);
    const table = [
      [last, { isUp: true, maint: false, drain: false, weight: 1 }],
      [drain, { maint: false, drain: true }],
      [down, { isUp: false, maint: true, drain: false }],
      [down, { isUp: false, maint: true, drain: false }],
      [drain, { maint: false, drain: true }],
      [up, { isUp: true, maint: false, drain: false, weight: 100 }],
      [up, { isUp: true, maint: false, drain: false, weight: 100 }],
    ] as const;
    for (const [word, seen] of table) expect(await setServer(server(), word)).toMatchObject(seen);
    await expect(setServer({ ...server(), server: "c" }, up)).rejects.toThrow(/No such server/);
  });
});
