import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServiceFile } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { unitFiles } from "../systemd/unit-files.ts";
import { readUnit } from "../testing/read-unit.ts";
import { openDesk } from "../testing/run-cli.ts";

const unit =
  "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/bin/tritonserver --model-repository=/srv/m\n[X-Locum]\nInject=enabled\n";
const collector = ["--collector", "https://collector.example:8470"];

async function sidecarOf(...args: string[]): Promise<string> {
  await using desk = await openDesk({ stdin: unit });
  const { code, stdout, stderr } = await desk.run(
    "inject",
    "-f",
    "-",
    "--unit",
    "triton.service",
    "-o",
    "unit",
    ...args,
  );
  expect(code, stderr).toBe(0);
  return stdout;
}

const valuesOf = (text: string, key: string): string[] =>
  readUnit(text)
    .filter((line) => line.key === key)
    .map(({ value }) => value);

/** What the sidecar of a unit reads as its service: the quoting of Environment= taken back. */
function serviceOf(text: string) {
  const [quoted = ""] = valuesOf(text, "Environment");
  const file = JSON.parse(`"${quoted.slice('"LOCUM_SERVICE='.length, -1).replaceAll("%%", "%")}"`);
  const parsed = parseServiceFile(file, { file: "/LOCUM_SERVICE" });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

describe("the sidecar's unit of locum inject", () => {
  test("gets its token as a credential, in the words of the unit of locum systemd render", async () => {
    const rendered = unitFiles()["locum-sidecar@.service"] ?? "";
    const text = await sidecarOf(...collector);
    expect(valuesOf(text, "LoadCredential")).toEqual(valuesOf(rendered, "LoadCredential"));
    const tokenFlag = (of: string) => /--token-file (\S+)/.exec(valuesOf(of, "ExecStart")[0] ?? "")?.[1];
    expect(tokenFlag(text)).toBe(tokenFlag(rendered));
    expect(valuesOf(text, "ExecStart")[0]?.split(" ")[0]).toBe(
      valuesOf(rendered, "ExecStart")[0]?.split(" ")[0],
    );
    expect(serviceOf(text).collector).toMatchObject({ tokenFile: "/var/lib/locum/tokens.json" });
    expect(serviceOf(text).collector.ca).toBeUndefined();
    expect(text).not.toContain("/var/run/secrets");
  });

  test("takes other paths of the machine, and nothing that a unit could not say", async () => {
    const text = await sidecarOf(
      ...collector,
      "--token-file",
      "/etc/my locum/50%.json",
      "--ca-file",
      "/etc/locum/ca.crt",
    );
    expect(valuesOf(text, "LoadCredential")).toEqual(["tokens.json:/etc/my locum/50%%.json"]);
    expect(serviceOf(text).collector).toMatchObject({
      tokenFile: "/etc/my locum/50%.json",
      ca: "/etc/locum/ca.crt",
    });
    await using desk = await openDesk({ stdin: unit });
    for (const path of ["tokens.json", '/etc/"x', "/etc/x\ny"])
      for (const flag of ["--token-file", "--ca-file"])
        expect(await desk.run("inject", "-f", "-", "--unit", "x", flag, path)).toMatchObject({ code: 64 });
  });

  test("has neither token nor credential where there is no collector", async () => {
    const text = await sidecarOf();
    expect(valuesOf(text, "LoadCredential")).toEqual([]);
    expect(text).not.toContain("CREDENTIALS_DIRECTORY");
  });

  test("never removes the shared memory of the user that it shares with the model server", async () => {
    expect(await sidecarOf()).not.toContain("RemoveIPC");
  });

  const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test.skipIf(!analyze)("is taken by systemd itself, with the unit that it was made for", async () => {
    const dir = mkdtempSync(join(tmpdir(), "locum-unit-"));
    try {
      await using desk = await openDesk({ stdin: unit });
      const model = (await desk.run("inject", "-f", "-", "--unit", "triton.service")).stdout;
      const sidecar = await sidecarOf(...collector, "--ca-file", "/etc/locum/ca.crt");
      // It also looks whether the programs are there.
      const there = (text: string) => text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true");
      writeFileSync(join(dir, "triton.service"), there(model));
      writeFileSync(join(dir, "locum-triton.service"), there(sidecar));
      const { status, stderr } = spawnSync(
        "systemd-analyze",
        ["verify", "--man=no", "triton.service", "locum-triton.service"],
        {
          cwd: dir,
          encoding: "utf8",
          env: { ...process.env, SYSTEMD_UNIT_PATH: `${dir}:`, SYSTEMD_LOG_LEVEL: "warning", NO_COLOR: "1" },
        },
      );
      expect({ status, ours: stderr.split("\n").filter((line) => /locum|triton/.test(line)) }).toEqual({
        status: 0,
        ours: [],
      });
      const said = spawnSync(
        "systemd-analyze",
        ["security", "--offline=true", "--no-pager", "--threshold=20", "locum-triton.service"],
        { cwd: dir, encoding: "utf8", env: { ...process.env, SYSTEMD_UNIT_PATH: `${dir}:`, NO_COLOR: "1" } },
      );
      // Above the threshold it ends with another code: 2.0 of 10, the lower the better.
      expect(said.status, said.stdout + said.stderr).toBe(0);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
