import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocumCommand, locumCommand, type Running } from "../stack/locum-command.ts";
import { type StackView, viewStack } from "../stack/stack-view.ts";
import { until } from "../stack/until.ts";
import { clientPython } from "./client-python.ts";
import { type RealTriton, startRealTriton } from "./real-triton.ts";

const scripts = process.env.LOCUM_PEERS_DIR;
const exec = promisify(execFile);
const minutes = 60_000;

if (!scripts) {
  it.skip("tritonclient: set LOCUM_PEERS_DIR to the folder of start-triton.sh to run it", () => undefined);
} else {
  describe("two real Triton servers and NVIDIA's own client", () => {
    let dir: string;
    let config: string;
    let python: string;
    let servers: RealTriton[] = [];
    let locum: LocumCommand;
    let running: Running | undefined;
    let view: StackView;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-triton-"));
      config = join(dir, "locum.yaml");
      locum = locumCommand({ dir });
      python = await clientPython();
      servers = await Promise.all(["a", "b"].map((id) => startRealTriton(scripts, join(dir, id))));
    }, 8 * minutes);
    afterAll(async () => {
      await running?.end();
      await Promise.all(servers.map((server) => server.close()));
      await rm(dir, { recursive: true, force: true });
    }, 2 * minutes);

    it(
      "init detects them, golden record proves them, up serves them",
      async () => {
        const pairs = servers.flatMap(({ url, modelDir }) => ["--upstream", url, "--model-dir", modelDir]);
        const init = await locum.done("init", "--service", "digits", ...pairs, "--out", config);
        expect(init.stdout).toContain("triton");
        const inputs = join(dir, "inputs.json");
        await writeFile(inputs, JSON.stringify(await goldenRequests(servers)));
        await locum.done("golden", "record", "--config", config, "--inputs", inputs);
        running = await locum.up(config);
        view = viewStack(running);
        await view.settled();
      },
      2 * minutes,
    );

    it(
      "the client sees through the tap what it sees directly",
      async () => {
        const ask = async (url: string | undefined) => {
          const program = fileURLToPath(new URL("./tritonclient_probe.py", import.meta.url));
          const { stdout } = await exec(python, [program, new URL(url ?? "").host], { timeout: minutes });
          return JSON.parse(stdout) as Record<string, unknown>;
        };
        const direct = await ask(servers[0]?.url);
        const tapped = await ask(view.service);
        expect(tapped).toEqual(direct);
        expect(direct).toMatchObject({
          live: true,
          ready: true,
          "model ready": true,
          "no model ready": false,
          "8 MB": true,
          "12 MB": true,
        });
        expect(direct["32 at once"]).toHaveLength(32);
      },
      2 * minutes,
    );

    it(
      "wrong weights that load well are diverted, put back and proven",
      async () => {
        const reports = await view.settled();
        const index = view.ids.findIndex((id) => reports[id]?.role === "active");
        const [id, server] = [view.ids[index] ?? "", servers[index]];
        const good = await readFile(server?.liveFile ?? "");
        await server?.swap("wrong");
        await until(async () => (await view.report(id))?.diverted, { what: "the divert", withinMs: 20_000 });
        const settled = await view.settled({ withinMs: minutes });
        expect(settled[id]).toMatchObject({ goldens: "proven", bytes: "approved", diverted: false });
        expect(await readFile(server?.liveFile ?? "")).toEqual(good);
      },
      2 * minutes,
    );
  });
}

/** The first inputs that the script brings, as requests of the protocol. */
async function goldenRequests(servers: RealTriton[]): Promise<object[]> {
  const { inputs } = JSON.parse(await readFile(servers[0]?.goldenFile ?? "", "utf8")) as {
    inputs: number[][];
  };
  return inputs
    .slice(0, 16)
    .map((data) => ({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 64], data }] }));
}
