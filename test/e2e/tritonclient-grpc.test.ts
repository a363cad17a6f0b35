import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serviceBeside } from "../servers/service-beside.ts";
import { type StartedSidecar, startSidecar } from "../sidecar/start-sidecar.ts";
import { clientPython } from "./client-python.ts";
import { type RealTriton, startRealTriton } from "./real-triton.ts";

const scripts = process.env.LOCUM_PEERS_DIR;
const exec = promisify(execFile);
const minutes = 60_000;
const program = fileURLToPath(new URL("./tritonclient_grpc_probe.py", import.meta.url));

if (!scripts) {
  it.skip("tritonclient over gRPC: set LOCUM_PEERS_DIR to the folder of start-triton.sh to run it", () =>
    undefined);
} else {
  describe("a real Triton and NVIDIA's own gRPC client", () => {
    let dir: string;
    let python: string;
    let triton: RealTriton;
    let sidecar: StartedSidecar;
    const tapped = () => new URL(sidecar.tap).host;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-triton-grpc-"));
      python = await clientPython();
      triton = await startRealTriton(scripts, join(dir, "a"), {
        beside: ["echo", "slow", "drip", "cancelled"],
      });
      sidecar = await startSidecar(serviceBeside({ ...triton, protocol: "oip-v2-rest" }, dir), "a", {
        stateDir: join(dir, "state"),
      });
    }, 8 * minutes);
    afterAll(async () => {
      await sidecar?.close();
      await triton?.close();
      await rm(dir, { recursive: true, force: true });
    }, 2 * minutes);

    it(
      "sees through the tap what it sees directly: calls, streams, errors, deadlines, cancellations",
      async () => {
        const ask = async (address: string) => {
          const { stdout } = await exec(python, [program, address], {
            timeout: 2 * minutes,
            maxBuffer: 2 ** 24,
          });
          return JSON.parse(stdout) as Record<string, unknown>;
        };
        const direct = await ask(triton.grpc);
        expect(await ask(tapped())).toEqual(direct);
        expect(direct).toMatchObject({
          live: true,
          "model ready": true,
          "no model ready": false,
          "8 MB": true,
          "8 MB, compressed": true,
          "40 MB": true,
          "past its time": ["error", "StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded"],
          "a stream past its time": [
            expect.anything(),
            "StatusCode.DEADLINE_EXCEEDED",
            "Deadline Exceeded",
            "the model was told",
            true,
          ],
          "a cancelled stream": [expect.anything(), "the model was told", true],
          "a cancelled request": ["error", "StatusCode.CANCELLED", expect.any(String)],
        });
        expect(direct["32 at once"]).toHaveLength(32);
      },
      5 * minutes,
    );

    it(
      "a server that is killed amid a stream: the client raises, and never takes it for the end",
      async () => {
        const watching = spawn(python, [program, tapped(), "watch"], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        const pieces: unknown[][] = [];
        for await (const line of createInterface(watching.stdout)) {
          pieces.push(JSON.parse(line) as unknown[]);
          if (pieces.length === 5) triton.kill();
        }
        expect(pieces.length).toBeGreaterThan(5);
        expect(pieces.at(-1)).toEqual(["error", "StatusCode.UNAVAILABLE", expect.any(String)]);
        expect(pieces.filter(([, , final]) => final === true)).toEqual([]);
      },
      minutes,
    );
  });
}
