import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { doubling, startFakeServer } from "../testing/fake-model-server.ts";
import { openDesk } from "../testing/run-cli.ts";

test("every problem has its line, what was expected and what was found", async () => {
  await using desk = await openDesk();
  const file = join(desk.dir, "locum.yaml");
  await writeFile(
    file,
    `apiVersion: locum.dev/v1alpha1
service: s
postur: tap
instances:
  - {id: a, url: "http://127.0.0.1:1", maxConcurrency: 0}
failover:
  leaseMs: soon
`,
  );
  const { code, stdout, stderr } = await desk.run("check", "--config", file);
  expect(code).toBe(64);
  expect(stdout).toMatch(/locum\.yaml:3:1: postur: expected "posture"\?, found an unknown key/);
  expect(stdout).toMatch(/locum\.yaml:5:\d+: instances\[0\]\.maxConcurrency: expected at least 1, found 0/);
  expect(stdout).toMatch(/locum\.yaml:7:\d+: failover\.leaseMs: expected a/);
  expect(stderr).toContain("3 problem(s)");
  const { json } = await desk.run("check", "--config", file, "--json");
  expect(json.at(-1)).toMatchObject({ kind: "summary", ok: false, problems: { length: 3 } });
});

test("folders, releases and keys that are not in order are bad", async () => {
  await using a = await startFakeServer({ m: doubling });
  await using desk = await openDesk();
  await mkdir(join(desk.dir, "files"));
  await desk.run("init", "--service", "s", "--upstream", a.url, "--model-dir", "files");
  const file = join(desk.dir, "locum.yaml");
  const check = () => desk.run("check", "--config", file);
  expect(await check()).toMatchObject({ code: 0, stdout: expect.stringContaining("none yet") });

  await mkdir(join(desk.dir, "releases"));
  await writeFile(join(desk.dir, "releases", "x.json"), "{}");
  await writeFile(join(desk.dir, "releases", "other.json"), '{"body":{"service":"other"}}');
  expect(await check()).toMatchObject({ code: 64, stdout: expect.stringMatching(/bad +releases .*x\.json/) });
  expect((await check()).stdout).not.toContain("other.json");

  await writeFile(join(desk.dir, "releases", "x.json"), '{"body":{"service":"other"}}');
  await chmod(join(desk.dir, "operator", "locum", "operator.key"), 0o644);
  if (process.platform !== "win32")
    expect(await check()).toMatchObject({ code: 64, stdout: expect.stringMatching(/bad +key/) });

  await writeFile(file, (await readFile(file, "utf8")).replace('files"', 'gone"'));
  expect((await check()).stdout).toMatch(/bad +files +a: none: .*gone is not there/);
});

test("a restart driver whose program is missing is bad, before it is needed", async () => {
  await using a = await startFakeServer({ m: doubling });
  await using desk = await openDesk({ env: { PATH: process.env.PATH ?? "" } });
  await desk.run("init", "--service", "s", "--upstream", a.url);
  const file = join(desk.dir, "locum.yaml");
  const text = await readFile(file, "utf8");
  const check = async (restart: string) => {
    await writeFile(
      file,
      text.replace(/^( +)(- )?id: .*$/m, (line, space: string) => `${line}\n${space}  restart: ${restart}`),
    );
    return desk.run("check", "--config", file);
  };
  expect((await desk.run("check", "--config", file)).stdout).toMatch(/note +restart +\S+ no driver/);
  expect(await check("{ exec: [no-such-hook] }")).toMatchObject({
    code: 64,
    stdout: expect.stringMatching(/bad +restart +.*no-such-hook is not there/),
  });
  expect(await check("{ child: [sh, -c, sleep] }")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ok +restart +.*\/sh/),
  });
});

test("--online tells a server that is away", async () => {
  await using desk = await openDesk();
  const file = join(desk.dir, "locum.yaml");
  {
    await using a = await startFakeServer({ m: doubling });
    await desk.run("init", "--service", "s", "--upstream", a.url);
    expect((await desk.run("check", "--config", file, "--online")).code).toBe(0);
  }
  expect(await desk.run("check", "--config", file, "--online")).toMatchObject({
    code: 64,
    stdout: expect.stringMatching(/bad +server +a: .*refused/),
  });
});
