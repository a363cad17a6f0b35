import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseServiceFile, type ServiceConfig } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readUnit } from "../testing/read-unit.ts";
import { openDesk } from "../testing/run-cli.ts";
import { renderSystemd } from "./render-systemd.ts";
import { unitFiles } from "./unit-files.ts";

const deploy = new URL("../../../../deploy/systemd/", import.meta.url);
const at = "/etc/locum/locum.yaml";

function service({ a = {}, more = {} }: { a?: object; more?: object } = {}): ServiceConfig {
  const text = JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    instances: [
      { id: "a", url: "http://127.0.0.1:8001", ...a },
      { id: "b", url: "http://127.0.0.1:8011", modelDir: "/srv/models/b" },
    ],
    collector: { listen: "127.0.0.1:8470", tokenFile: "/var/lib/locum/tokens.json" },
    ...more,
  });
  const parsed = parseServiceFile(text, { file: at });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const rendered = (config: ServiceConfig, options: object = {}) =>
  renderSystemd(config, { instances: config.instances, ...options });
const dropIn = (files: Record<string, string>, unit: string) =>
  readUnit(files[`systemd/system/${unit}.d/locum.conf`] ?? "").map(({ key, value }) => `${key}=${value}`);

test("deploy/systemd has the units of locum systemd render (LOCUM_UPDATE=1 rewrites them)", () => {
  const units = unitFiles();
  if (process.env.LOCUM_UPDATE) {
    mkdirSync(deploy, { recursive: true });
    for (const [name, text] of Object.entries(units)) writeFileSync(new URL(name, deploy), text);
  }
  expect(readdirSync(deploy).sort()).toEqual(Object.keys(units).sort());
  for (const [name, text] of Object.entries(units))
    expect(readFileSync(new URL(name, deploy), "utf8")).toBe(text);
});

describe.each(Object.entries(unitFiles()))("%s", (_name, text) => {
  const lines = readUnit(text);
  const of = (key: string) => lines.filter((line) => line.key === key).map(({ value }) => value);

  test("comes back whatever happens, and has no power that it does not need", () => {
    expect(of("Restart")).toEqual(["always"]);
    expect(of("StartLimitIntervalSec")).toEqual(["0"]);
    expect(of("User")).toEqual(["locum"]);
    for (const key of [
      "NoNewPrivileges",
      "PrivateTmp",
      "PrivateDevices",
      "ProtectKernelModules",
      "ProtectHome",
    ])
      expect(of(key), key).toEqual(["yes"]);
    expect(of("ProtectSystem")).toEqual(["strict"]);
    expect(of("CapabilityBoundingSet")).toEqual([""]);
    expect(of("MemoryMax")[0]).toMatch(/^\d+[MG]$/);
    expect(of("StateDirectory")[0]).toMatch(/^locum/);
  });

  test("says nothing twice, and every line in its section", () => {
    const keys = lines.map(({ section, key }) => `${section}.${key}`).filter((key) => key !== "Unit.After");
    expect(new Set(keys).size).toBe(keys.length);
    for (const { section, key } of lines) expect(sections[key] ?? "Service", key).toBe(section);
  });
});
const sections: Record<string, string> = {
  ...{ Description: "Unit", Documentation: "Unit", After: "Unit", Wants: "Unit", Conflicts: "Unit" },
  ...{ StartLimitIntervalSec: "Unit", WantedBy: "Install" },
};

describe("drop-ins of a configuration", () => {
  test("open the folder beside the model for restores, and nothing where there is none", () => {
    const { files, warnings } = rendered(service());
    expect(dropIn(files, "locum-sidecar@b.service")).toEqual(["ReadWritePaths=/srv/models"]);
    expect(dropIn(files, "locum-sidecar@a.service")).toEqual([]);
    expect(warnings.join("\n")).toContain("b: the user locum must be able to write /srv/models");
  });

  test("let the sidecar restart its model server's unit, and no other", () => {
    const { files } = rendered(service({ a: { restart: { systemd: "triton.service" } } }));
    expect(dropIn(files, "locum-sidecar@a.service")).toEqual(["After=triton.service"]);
    expect(files["polkit-1/rules.d/50-locum.rules"]).toContain('["triton.service"]');
    expect(rendered(service()).files["polkit-1/rules.d/50-locum.rules"]).toBeUndefined();
  });

  test("give a model server that is the sidecar's child what it needs", () => {
    const { files } = rendered(service({ a: { restart: { child: ["/bin/server"] } } }));
    expect(dropIn(files, "locum-sidecar@a.service")).toEqual(
      expect.arrayContaining(["KillMode=process", "MemoryMax=infinity", "PrivateDevices=no"]),
    );
  });

  test("name another service file, other tokens, and homes", () => {
    const collector = { listen: "127.0.0.1:8470", tokenFile: "/home/x y/50%.json" };
    const config = service({ more: { collector } });
    const { files } = rendered(config, { at: "/srv/my $etc/locum.yaml" });
    expect(dropIn(files, "locum-collector.service")).toEqual([
      "ExecStart=",
      'ExecStart=/usr/local/bin/locum collector --config "/srv/my $$etc/locum.yaml" --data-dir /var/lib/locum/collector',
      "ProtectHome=read-only",
      'ReadWritePaths="/home/x y"',
    ]);
    expect(dropIn(files, "locum-sidecar@a.service")).toContain(
      "LoadCredential=tokens.json:/home/x y/50%%.json",
    );
  });

  test("never leave the line that they are on", () => {
    const path = fc
      .string({ minLength: 1, maxLength: 40, unit: "binary" })
      .filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(path, fc.boolean(), (name, isAt) => {
        const config = service({ a: { modelDir: isAt ? "/srv/m" : `/srv/x${name}/m` } });
        const given = isAt ? { at: `/etc/x${name}/locum.yaml` } : {};
        let files: Record<string, string> = {};
        try {
          ({ files } = rendered(config, given));
        } catch (error) {
          expect(error).toMatchObject({ code: "config-invalid" });
          return;
        }
        const [own = ""] = Object.keys(files).filter((file) => file.endsWith("a.service.d/locum.conf"));
        for (const { key, value } of readUnit(files[own] ?? "")) {
          expect(["ExecStart", "ReadWritePaths", "ProtectHome"]).toContain(key);
          if (key === "ReadWritePaths")
            expect(value.replace(/^"|"$/g, "").replaceAll("%%", "%")).toBe(
              dirname(config.instances[0]?.modelDir ?? ""),
            );
        }
      }),
    );
  });
});

test("the command writes what it prints, for the instances that it is told", async () => {
  await using desk = await openDesk();
  const { service: name, instances } = service();
  const file = join(desk.dir, "locum.yaml");
  const short = { apiVersion: "locum.dev/v1alpha1", service: name };
  writeFileSync(
    file,
    JSON.stringify({ ...short, instances: instances.map(({ id, url }) => ({ id, url, modelDir: id })) }),
  );
  const printed = await desk.run("systemd", "render", "--instance", "b");
  expect(printed).toMatchObject({ code: 0 });
  expect(printed.stdout).toContain("ReadWritePaths=/etc/locum\n");
  expect(printed.stdout).not.toContain("locum-sidecar@a");
  const written = await desk.run("systemd", "render", "--out", "etc");
  expect(written.code).toBe(0);
  expect(readFileSync(join(desk.dir, "etc/systemd/system/locum-up.service"), "utf8")).toBe(
    unitFiles()["locum-up.service"],
  );
  expect(await desk.run("systemd", "render", "--instance", "c")).toMatchObject({ code: 13 });
});

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
describe.skipIf(!analyze)(`systemd itself${analyze ? "" : " (systemd-analyze is not installed)"}`, () => {
  test("takes every unit with its drop-ins, and finds them well protected", () => {
    const dir = mkdtempSync(join(tmpdir(), "locum-units-"));
    try {
      const a = { restart: { systemd: "model.service" }, modelDir: "/home/x y/models/a" };
      const { files } = rendered(service({ a }));
      for (const [path, text] of Object.entries(files)) {
        const file = join(dir, path);
        mkdirSync(dirname(file), { recursive: true });
        // It also looks whether the program is there.
        writeFileSync(file, text.replaceAll("/usr/local/bin/locum", "/bin/true"));
      }
      const folder = join(dir, "systemd/system");
      const run = (...args: string[]) =>
        spawnSync("systemd-analyze", args, {
          cwd: folder,
          encoding: "utf8",
          env: {
            ...process.env,
            SYSTEMD_UNIT_PATH: `${folder}:`,
            SYSTEMD_LOG_LEVEL: "warning",
            NO_COLOR: "1",
          },
        });
      const units = [
        "locum-collector.service",
        "locum-up.service",
        "locum-sidecar@a.service",
        "locum-sidecar@b.service",
      ];
      const { status, stderr } = run("verify", "--man=no", ...units);
      expect({ status, ours: stderr.split("\n").filter((line) => line.includes("locum")) }).toEqual({
        status: 0,
        ours: [],
      });
      for (const unit of ["locum-collector.service", "locum-sidecar@.service"]) {
        const said = run("security", "--offline=true", "--no-pager", "--threshold=20", unit);
        console.log(said.stdout.trim().split("\n").at(-1));
        // Above the threshold it ends with another code: 2.0 of 10, the lower the better.
        expect(said.status, said.stdout + said.stderr).toBe(0);
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
