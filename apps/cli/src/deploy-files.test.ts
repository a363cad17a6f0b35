import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseServiceFile, type ServiceConfig } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderHaproxy } from "./render-haproxy.ts";
import { composeProblems } from "./testing/compose-problems.ts";

const deploy = fileURLToPath(new URL("../../../deploy/", import.meta.url));
const read = (path: string) => readFileSync(join(deploy, path), "utf8");

function configOf(path: string): ServiceConfig {
  const parsed = parseServiceFile(read(path), { file: "/etc/locum/locum.yaml" });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** What a person writes around the backend that locum haproxy render prints. */
function frameOf(config: ServiceConfig, { socket, bind }: { socket: boolean; bind: string }): string {
  const { service } = config;
  return `# Everything from "made by locum haproxy render" on is printed by: locum haproxy render --config locum.yaml
global
    maxconn 4000
    log stdout format raw local0
${socket ? "    stats socket /run/haproxy/admin.sock mode 660 group locum level admin\n" : ""}
defaults
    mode http
    log global
    timeout client 300s
    # A token of a stream is handed on as it comes.
    option http-no-delay

frontend ${service}-in
    bind ${bind}
    use_backend ${service}-direct if { nbsrv(${service}) eq 0 }
    default_backend ${service}

${renderHaproxy(config).text}`;
}

const examples = [
  { folder: "haproxy", frame: { socket: true, bind: ":8080" } },
  { folder: "compose", frame: { socket: false, bind: ":8080" } },
];

describe.each(examples)("deploy/$folder/haproxy.cfg", ({ folder, frame }) => {
  const file = join(deploy, folder, "haproxy.cfg");
  const wanted = frameOf(configOf(`${folder}/locum.yaml`), frame);

  test("is that of its locum.yaml (LOCUM_UPDATE=1 rewrites it), and nothing has to be chosen", () => {
    if (process.env.LOCUM_UPDATE) writeFileSync(file, wanted);
    expect(readFileSync(file, "utf8")).toBe(wanted);
    expect(renderHaproxy(configOf(`${folder}/locum.yaml`)).warnings).toEqual([]);
  });

  test.runIf(spawnSync("haproxy", ["-v"]).status === 0)("is taken by HAProxy", () => {
    const dir = mkdtempSync(join(tmpdir(), "locum-haproxy-"));
    try {
      // Names and groups of other machines are not known on this one.
      const local = wanted.replaceAll("group locum ", "").replaceAll(/model-[ab]/g, "127.0.0.1");
      writeFileSync(join(dir, "haproxy.cfg"), local);
      const { status, stderr } = spawnSync("haproxy", ["-c", "-f", join(dir, "haproxy.cfg")], {
        encoding: "utf8",
      });
      expect({ status, stderr }).toMatchObject({ status: 0 });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe("deploy/compose/compose.yaml", () => {
  const file = parse(read("compose/compose.yaml"), { merge: true });
  const config = configOf("compose/locum.yaml");
  const serviceOf = (name: string) => file.services[name] as Record<string, string[]> & { command: string[] };
  const targets = (name: string) =>
    (serviceOf(name).volumes ?? []).map((volume) => String(volume).split(":")[1] ?? "");

  test("leads nowhere that is not there", () => {
    expect(composeProblems(file)).toEqual([]);
  });

  test.each(config.instances.map(({ id }) => id))("has a sidecar in the network of the model of %s", (id) => {
    const sidecar = serviceOf(`sidecar-${id}`);
    const instance = config.instances.find((one) => one.id === id);
    expect(new URL(instance?.url ?? "").hostname).toBe(`model-${id}`);
    expect(sidecar).toMatchObject({
      network_mode: `service:model-${id}`,
      environment: { LOCUM_ADDRESS: `model-${id}` },
      command: ["--config", "/etc/locum/locum.yaml", "--instance", id],
    });
  });

  test("mounts every file that the service file names", () => {
    const { collector, releases, instances } = config;
    const below = (name: string, path: string) =>
      expect(
        targets(name).some((target) => path === target || path.startsWith(`${target}/`)),
        `${name}: ${path}`,
      ).toBe(true);
    for (const { id, modelDir = "", sidecar } of instances)
      for (const path of [
        modelDir,
        sidecar.stateDir ?? "",
        releases,
        collector.tokenFile,
        collector.ca ?? "",
      ])
        below(`sidecar-${id}`, path);
    const { cert = "", key = "" } = collector.tls ?? {};
    for (const path of [collector.dataDir, collector.tokenFile, releases, cert, key])
      below("collector", path);
  });

  test("gives Locum's own parts nothing to write but their volumes, and publishes one port", () => {
    for (const name of ["sidecar-a", "sidecar-b", "collector"])
      expect(serviceOf(name)).toMatchObject({ user: "65532:65532", read_only: true, cap_drop: ["ALL"] });
    const published = Object.entries(file.services).filter(([, one]) => (one as { ports?: unknown }).ports);
    expect(published.map(([name]) => name)).toEqual(["haproxy"]);
  });

  test("the rules find what is wrong", () => {
    const broken = structuredClone(file);
    Object.assign(broken.services["sidecar-a"], {
      depends_on: ["x"],
      network_mode: "service:x",
      volumes: ["x:/x"],
    });
    Object.assign(broken.services.haproxy, { image: "haproxy:latest", networks: ["x"], privilege: true });
    expect(composeProblems(broken)).toHaveLength(6);
  });

  test.runIf(spawnSync("openssl", ["version"]).status === 0)("has certificates that a client takes", () => {
    const dir = mkdtempSync(join(tmpdir(), "locum-certificates-"));
    try {
      const run = (...words: [string, ...string[]]) =>
        spawnSync(words[0], words.slice(1), { cwd: dir, encoding: "utf8" });
      mkdirSync(join(dir, "x"));
      cpSync(join(deploy, "compose/certificates.sh"), join(dir, "certificates.sh"));
      expect(run("sh", "certificates.sh")).toMatchObject({ status: 0 });
      const checked = ["-verify_hostname", "collector", "-purpose", "sslserver"];
      expect(
        run("openssl", "verify", "-CAfile", "certificates/ca.crt", ...checked, "certificates/collector.crt"),
      ).toMatchObject({ status: 0 });
      expect(statSync(join(dir, "certificates/collector.key")).mode & 0o077).toBe(0);
      const before = readFileSync(join(dir, "certificates/ca.crt"), "utf8");
      expect(run("sh", "certificates.sh")).toMatchObject({ status: 0 });
      expect(readFileSync(join(dir, "certificates/ca.crt"), "utf8")).toBe(before);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

const isRotating = !spawnSync("logrotate", ["--version"]).error;
test.runIf(isRotating)(
  `logrotate takes deploy/logrotate/locum${isRotating ? "" : " (it is not installed)"}`,
  () => {
    const dir = mkdtempSync(join(tmpdir(), "locum-logrotate-"));
    try {
      const log = join(dir, "sidecar-a.log");
      writeFileSync(log, "a line\n".repeat(100));
      const text = read("logrotate/locum").replaceAll("/var/log/locum", dir).replace("su locum locum", "");
      writeFileSync(join(dir, "conf"), text, { mode: 0o644 });
      const args = ["--force", "--state", join(dir, "state"), join(dir, "conf")];
      const { status, stderr } = spawnSync("logrotate", args, { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      // The same file, emptied: who holds it open writes on.
      expect(statSync(log).size).toBe(0);
      expect(readFileSync(`${log}.1`, "utf8")).toContain("a line");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
