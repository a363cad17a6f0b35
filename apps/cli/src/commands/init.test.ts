import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseServiceFile } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { doubling, startFakeServer } from "../testing/fake-model-server.ts";
import { type Desk, openDesk } from "../testing/run-cli.ts";

async function folder(desk: Desk, name: string): Promise<string> {
  const dir = join(desk.dir, name);
  await mkdir(join(dir, "m"), { recursive: true });
  await writeFile(join(dir, "m", "weights"), name);
  return dir;
}

async function written(desk: Desk, file = "locum.yaml") {
  const path = join(desk.dir, file);
  const parsed = parseServiceFile(await readFile(path, "utf8"), { file: path });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const twice = (flag: string, value: string): string[] => [flag, value, flag, value];

describe("init", () => {
  test("pairs folders with servers, and what it writes passes check", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using b = await startFakeServer({ m: doubling, other: doubling });
    await using desk = await openDesk();
    const dir = await folder(desk, "files-b");
    const { code, stdout } = await desk.run(
      ...["init", "--service", "s", "--upstream", a.url, "--upstream", b.url],
      ...["--model-dir", "-", "--model-dir", "files-b"],
    );
    expect(code).toBe(0);
    expect(stdout).toContain("locum golden record --config locum.yaml");
    expect(await written(desk)).toMatchObject({
      service: "s",
      class: "stateless",
      posture: "tap",
      failover: { onUnapproved: "restore" },
      instances: [
        { id: "a", url: a.url, role: "active", protocol: "oip-v2-rest" },
        { id: "b", url: b.url, role: "standby", modelDir: dir },
      ],
    });
    expect((await written(desk)).instances[0]).not.toHaveProperty("modelDir");
    const checked = await desk.run("check", "--config", join(desk.dir, "locum.yaml"), "--online");
    expect(checked).toMatchObject({ code: 0, stderr: "" });
  });

  test("works with one server, and with a folder that two share", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using b = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    expect((await desk.run("init", "--service", "one", "--upstream", a.url, "--out", "one.yaml")).code).toBe(
      0,
    );
    const dir = await folder(desk, "shared");
    await symlink(dir, join(desk.dir, "link"));
    const pair = ["--upstream", a.url, "--model-dir", dir, "--upstream", b.url, "--model-dir", "link"];
    expect((await desk.run("init", "--service", "s", ...pair)).code).toBe(0);
    const [one, other] = (await written(desk)).instances;
    expect(one?.volume).toBe(other?.volume);
    expect(one?.volume).toBeDefined();
  });

  test("holds where files cannot be put back", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    await writeFile(join(desk.dir, "no-folder"), "");
    await desk.run("init", "--service", "s", "--upstream", a.url, "--model-dir", "no-folder");
    expect((await written(desk)).failover.onUnapproved).toBe("hold");
  });

  test("never overwrites unasked, and keeps the key", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    const run = (...more: string[]) => desk.run("init", "--service", "s", "--upstream", a.url, ...more);
    await run();
    const { approvers } = await written(desk);
    await writeFile(join(desk.dir, "locum.yaml"), "mine");
    expect(await run()).toMatchObject({ code: 11, stderr: expect.stringContaining("--force") });
    expect(await readFile(join(desk.dir, "locum.yaml"), "utf8")).toBe("mine");
    expect((await run("--force")).code).toBe(0);
    expect((await written(desk)).approvers).toEqual(approvers);
  });

  test("names the models of a server that keeps no list", async () => {
    await using a = await startFakeServer({ m: doubling }, { keepsList: false });
    await using desk = await openDesk();
    const dir = await folder(desk, "repository");
    await desk.run("init", "--service", "s", "--upstream", a.url, "--model-dir", dir);
    expect((await written(desk)).models).toEqual(["m"]);
    await desk.run("init", "--service", "s", "--upstream", a.url, "--model", "m", "--out", "named.yaml");
    expect((await written(desk, "named.yaml")).models).toEqual(["m"]);
  });

  test("takes the paths of a server of no known protocol, and what it then writes is recorded from", async () => {
    const server = createServer((req, res) => {
      res.setHeader("content-type", "application/json");
      if (req.url === "/up") return void res.end("{}");
      if (req.url !== "/predict/m") return void res.writeHead(404).end("{}");
      let text = "";
      req.on("data", (chunk) => {
        text += chunk;
      });
      req.on("end", () => res.end(JSON.stringify({ result: { scores: JSON.parse(text).x } })));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using desk = await openDesk();
    try {
      const { code, stderr } = await desk.run(
        ...["init", "--service", "s", "--upstream", url, "--model", "m", "--live-path", "/up"],
        ...["--infer-path", "/predict/{model}", "--output", "scores=$.result.scores"],
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const [instance] = (await written(desk)).instances;
      expect(instance).toMatchObject({
        protocol: "http-json",
        httpJson: {
          live: "/up",
          infer: "/predict/{model}",
          models: ["m"],
          outputs: { scores: "$.result.scores" },
        },
      });
      await writeFile(join(desk.dir, "in.json"), JSON.stringify([{ x: [1, 2] }, { x: [3, 4] }]));
      const config = ["--config", join(desk.dir, "locum.yaml")];
      const recorded = await desk.run("golden", "record", ...config, "--inputs", join(desk.dir, "in.json"));
      expect({ ...recorded, stdout: "" }).toMatchObject({ code: 0, stderr: "" });
      const gone = await desk.run(
        "init",
        "--service",
        "s",
        "--upstream",
        url,
        "--infer-path",
        "/x",
        "--live-path",
        "/no",
        "--force",
      );
      expect(gone).toMatchObject({ code: 2, stderr: expect.stringContaining("--live-path") });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test("is not led astray by what a server calls itself", async () => {
    const name = 'x\n  - id: evil\n# "\u001b[2J';
    await using a = await startFakeServer({ m: doubling }, { name });
    await using desk = await openDesk();
    for (const service of ["true", "null", "1e3", "0x10", "no"]) {
      const { stdout } = await desk.run("init", "--force", "--service", service, "--upstream", a.url);
      expect(stdout).not.toContain("\u001b");
      expect(await written(desk)).toMatchObject({ service, instances: [{ id: "a" }] });
    }
  });

  test.for<[string, (url: string) => string[], number]>([
    ["one server twice", (url) => ["--upstream", url, "--upstream", `${url}/`], 64],
    ["more gRPC ports than servers", (url) => ["--upstream", url, ...twice("--upstream-grpc", "h:1")], 64],
    ["a gRPC port that is no address", (url) => ["--upstream", url, "--upstream-grpc", "8001"], 64],
    ["more folders than servers", (url) => ["--upstream", url, "--model-dir", ".", "--model-dir", "."], 64],
    [
      "a path of a server without the one that infers",
      (url) => ["--upstream", url, "--live-path", "/up"],
      64,
    ],
    [
      "an output that is no place in an answer",
      (url) => ["--upstream", url, "--infer-path", "/x", "--output", "y"],
      64,
    ],
    ["a path that is none", (url) => ["--upstream", url, "--infer-path", "predict"], 64],
    ["a folder that is not there", (url) => ["--upstream", url, "--model-dir", "absent"], 13],
    ["a listener that is no address", (url) => ["--upstream", url, "--listen", "everywhere"], 64],
    [
      "the server's own address to listen on",
      (url) => ["--upstream", url, "--listen", new URL(url).host],
      64,
    ],
  ])("writes nothing for %s", async ([, argv, exit]) => {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    expect((await desk.run("init", "--service", "s", ...argv(a.url))).code).toBe(exit);
    await expect(readFile(join(desk.dir, "locum.yaml"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
