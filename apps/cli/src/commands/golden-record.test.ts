import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadServiceFile, type Release, verifyRelease } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import {
  doubling,
  type FakeModel,
  type FakeServer,
  question,
  startFakeServer,
} from "../testing/fake-model-server.ts";
import { type Desk, openDesk } from "../testing/run-cli.ts";

const save = (desk: Desk, name: string, value: unknown) =>
  writeFile(join(desk.dir, name), typeof value === "string" ? value : JSON.stringify(value));

/** A configuration of these servers, each with a folder that holds these files. */
async function prepared(
  desk: Desk,
  servers: FakeServer[],
  files: (string | undefined)[] = [],
): Promise<void> {
  const argv: string[] = [];
  for (const [index, { url }] of servers.entries()) {
    const content = files[index];
    const dir = join(desk.dir, `files-${index}`);
    await mkdir(dir);
    await writeFile(join(dir, "weights"), content ?? "");
    argv.push("--upstream", url, "--model-dir", content === undefined ? "-" : dir);
  }
  const { code, stderr } = await desk.run("init", "--service", "s", ...argv);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

const record = (desk: Desk, inputs: unknown, ...more: string[]) =>
  save(desk, "in.json", inputs).then(() =>
    desk.run(
      ...["golden", "record", "--config", join(desk.dir, "locum.yaml")],
      ...["--inputs", join(desk.dir, "in.json"), ...more],
    ),
  );

async function releases(desk: Desk): Promise<Release[]> {
  const config = await loadServiceFile(join(desk.dir, "locum.yaml"));
  const names = await readdir(config.releases).catch(() => []);
  return Promise.all(
    names.map(async (name) => {
      const release = verifyRelease(
        JSON.parse(await readFile(join(config.releases, name), "utf8")),
        config.approvers,
      );
      expect(name).toBe(`${release.digest.slice("sha256:".length)}.json`);
      return release;
    }),
  );
}

const odd = (answer: FakeModel["answer"]): FakeModel => ({ ...doubling, answer });
const noisy = odd((inputs, asked) => inputs.map((value) => 2 * value + (asked % 2) * 0.1));

describe("golden record", () => {
  test("asks alone and at the maximum, and signs what it learned", async () => {
    const gather = { after: 2 * 3, count: 8 };
    await using a = await startFakeServer({ m: doubling }, { gather });
    await using b = await startFakeServer({ m: doubling }, { gather });
    await using desk = await openDesk();
    await prepared(desk, [a, b], ["same", "same"]);
    const { code, json, stderr } = await record(
      desk,
      [question(1, 2), question(3)],
      "--json",
      "--note",
      "first",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [release] = await releases(desk);
    expect(release?.body).toMatchObject({
      service: "s",
      note: "first",
      tree: { files: [{ path: "weights" }] },
      goldens: [
        { model: "m", request: question(1, 2), expected: [{ name: "y", data: [2, 4] }] },
        { model: "m", request: question(3), expected: [{ name: "y", data: [6] }] },
      ],
    });
    expect(json.at(-1)).toMatchObject({ kind: "summary", release: release?.digest, goldens: 2 });
    for (const server of [a, b]) expect(server.mostAtOnce()).toBe(8);
  });

  test("takes goldens of several models, by path and by tensors", async () => {
    const counting: FakeModel = {
      inputs: [{ name: "n", datatype: "INT64", shape: [-1] }],
      outputs: [{ name: "sum", datatype: "INT64", shape: [1] }],
      answer: (inputs) => [inputs.reduce((sum, one) => sum + one, 0)],
    };
    await using a = await startFakeServer({ m: doubling, twin: doubling, count: counting });
    await using desk = await openDesk();
    await prepared(desk, [a]);
    const n = { inputs: [{ name: "n", datatype: "INT64", shape: [2], data: [1, 2] }] };
    const { code } = await record(desk, [{ path: "/v2/models/twin/infer", ...question(1) }, n]);
    expect(code).toBe(0);
    const [release] = await releases(desk);
    expect(release?.body.goldens.map(({ model }) => model)).toEqual(["twin", "count"]);
    expect(Object.keys(release?.body.configuration ?? {})).toEqual(["count", "twin"]);
    expect(release?.body.tree).toBeNull();
  });

  test.for<[string, FakeModel, FakeModel, number, RegExp]>([
    [
      "an instance answers in several ways",
      doubling,
      noisy,
      4,
      /golden-unstable: golden [0-9a-f]{16} \(.*in\.json\[0\].*\bb:/,
    ],
    ["instances disagree", doubling, odd((inputs) => inputs), 4, /golden-disagree: .*\bb and a/],
    ["all answer NaN", odd(() => ["NaN"]), odd(() => ["NaN"]), 4, /golden-not-finite/],
    [
      "instances describe the model differently",
      doubling,
      { ...doubling, outputs: [{ name: "z", datatype: "FP32", shape: [-1] }] },
      4,
      /golden-disagree: b and a describe/,
    ],
  ])("refuses where %s, and writes nothing", async ([, first, second, exit, message]) => {
    await using a = await startFakeServer({ m: first });
    await using b = await startFakeServer({ m: second });
    await using desk = await openDesk();
    await prepared(desk, [a, b]);
    const { code, stderr } = await record(desk, [question(1)]);
    expect(stderr).toMatch(message);
    expect(code).toBe(exit);
    expect(await releases(desk)).toEqual([]);
  });

  test("refuses folders that differ, and names the files", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using b = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    await prepared(desk, [a, b], ["one", "other"]);
    const { code, stderr } = await record(desk, [question(1)]);
    expect(stderr).toContain("a and b are not the same: weights differs");
    expect(code).toBe(4);
  });

  test("names the instance and the golden that a server refuses", async () => {
    await using a = await startFakeServer({ m: doubling }, { status: 500 });
    await using desk = await openDesk();
    await prepared(desk, [a]);
    const { code, stderr } = await record(desk, [question(1)]);
    expect(stderr).toMatch(/upstream-refused: a: .*in\.json\[0\] \(m\)/);
    expect(code).toBe(2);
  });

  test("refuses the same input twice", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    await prepared(desk, [a]);
    expect((await record(desk, [question(1), question(2), question(1)])).stderr).toMatch(
      /\[2\] is the same request as .*\[0\]/,
    );
  });

  test("refuses a key that is no approver, before anything is written", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    await prepared(desk, [a]);
    await using stranger = await openDesk();
    await prepared(stranger, [a]);
    await save(desk, "in.json", [question(1)]);
    const { code, stderr } = await stranger.run(
      ...[
        "golden",
        "record",
        "--config",
        join(desk.dir, "locum.yaml"),
        "--inputs",
        join(desk.dir, "in.json"),
      ],
    );
    expect(code).toBe(4);
    expect(stderr).toContain("Add to approvers");
    expect(await releases(desk)).toEqual([]);
  });
});

describe("golden record --expect", () => {
  const y = (...data: number[]) => ({
    outputs: [{ name: "y", datatype: "FP32", shape: [data.length], data }],
  });
  async function against(answers: unknown) {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    await prepared(desk, [a]);
    await save(desk, "expect.json", answers);
    const ran = await record(desk, [question(1), question(2)], "--expect", join(desk.dir, "expect.json"));
    return { ...ran, releases: await releases(desk) };
  }

  test("takes right answers from outside", async () => {
    const { code, releases: made } = await against([y(2.00001), y(4)]);
    expect(code).toBe(0);
    expect(made[0]?.body.goldens[0]?.expected[0]?.data).toEqual([2.00001]);
  });
  test("refuses instances that agree on a wrong answer", async () => {
    const { code, stderr, releases: made } = await against([y(2), y(4.5)]);
    expect(stderr).toMatch(/golden-disagree: .*in\.json\[1\].*what is expected/);
    expect({ code, made }).toEqual({ code: 4, made: [] });
  });
  test("refuses another number of answers", async () => {
    expect(await against([y(2)])).toMatchObject({ code: 64, releases: [] });
  });
});

describe("approve", () => {
  test("records a staging server with the inputs of the newest release", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using next = await startFakeServer({ m: odd((inputs) => inputs.map((value) => 3 * value)) });
    await using desk = await openDesk();
    await prepared(desk, [a], ["old"]);
    await record(desk, [question(1), question(2)]);
    const config = join(desk.dir, "locum.yaml");
    const without = await desk.run("approve", "--config", config, "--from", next.url);
    expect(without).toMatchObject({ code: 64, stderr: expect.stringContaining("--model-dir") });
    const dir = join(desk.dir, "next");
    await mkdir(dir);
    await writeFile(join(dir, "weights"), "new");
    const ran = await desk.run("approve", "--config", config, "--from", next.url, "--model-dir", dir);
    expect(ran.code).toBe(0);
    const [old, made] = (await releases(desk)).sort((x, y) => (x.body.createdAt < y.body.createdAt ? -1 : 1));
    expect(made?.body.goldens.map(({ id }) => id)).toEqual(old?.body.goldens.map(({ id }) => id));
    expect(made?.body.goldens[1]?.expected[0]?.data).toEqual([6]);
    expect(made?.body.tree?.digest).not.toBe(old?.body.tree?.digest);
  });

  test("adds a second signature, and to nothing that was changed", async () => {
    await using a = await startFakeServer({ m: doubling });
    await using desk = await openDesk();
    await prepared(desk, [a]);
    await record(desk, [question(1)], "--out", join(desk.dir, "draft.json"));
    await using second = await openDesk();
    await prepared(second, [a]);
    const config = join(desk.dir, "locum.yaml");
    const { approvers } = await loadServiceFile(join(second.dir, "locum.yaml"));
    const added = approvers.map(
      ({ keyId, publicKey }) => `  - {keyId: "${keyId}", publicKey: "${publicKey}"}\n`,
    );
    await writeFile(
      config,
      (await readFile(config, "utf8")).replace(/^approvers:\n/m, `approvers:\n${added}`),
    );
    const sign = (file: string) =>
      second.run("approve", "--config", config, "--release", join(desk.dir, file));
    expect((await sign("draft.json")).code).toBe(0);
    expect((await releases(desk))[0]?.approvals).toHaveLength(2);
    const text = await readFile(join(desk.dir, "draft.json"), "utf8");
    await save(desk, "changed.json", text.replace('"data":[2]', '"data":[3]'));
    expect(await sign("changed.json")).toMatchObject({ code: 14 });
  });
});
