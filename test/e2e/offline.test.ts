import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digits } from "../stack/strikes.ts";
import { until } from "../stack/until.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isThere = (program: string) => !spawnSync(program, ["--version"]).error;
const reason = !process.env.LOCUM_REAL_PARTS
  ? "set LOCUM_REAL_PARTS=1"
  : process.platform !== "linux" || !isThere("openssl")
    ? "openssl is not installed"
    : null;
const dir = mkdtempSync(join(tmpdir(), "locum-offline-"));
const env = { PATH: "/usr/bin:/bin", HOME: join(dir, "home"), NO_COLOR: "1" };
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.stdin?.end();
  child.kill("SIGTERM");
  await ended;
}

/** A machine whose only network is itself; null where that may not be made here. */
function openIsland(): { pid: number; child: ChildProcess } | null {
  if (
    process.getuid?.() !== 0 ||
    spawnSync("unshare", ["--net", "/usr/sbin/ip", "link", "set", "lo", "up"]).status !== 0
  )
    return null;
  const child = spawn("unshare", [
    "--net",
    "/bin/sh",
    "-c",
    "/usr/sbin/ip link set lo up; echo up; exec cat",
  ]);
  return { pid: child.pid ?? 0, child };
}

describe.skipIf(reason)(`the offline bundle${reason ? ` (${reason})` : ""}`, () => {
  let archive: string;
  let publicKey: string;
  let island: ReturnType<typeof openIsland>;
  const words = (command: string[]): [string, string[]] => {
    const [program = "", ...args] = island
      ? ["nsenter", "--target", `${island.pid}`, "--net", ...command]
      : command;
    return [program, args];
  };
  const run = (command: string[], cwd = dir) => spawnSync(...words(command), { cwd, env, encoding: "utf8" });
  const unpacked = (name: string) => {
    const folder = join(dir, name);
    mkdirSync(folder);
    expect(run(["tar", "-xzf", archive, "-C", folder])).toMatchObject({ status: 0 });
    const [inside = ""] = readdirSync(folder);
    return join(folder, inside);
  };
  const install = (bundle: string, to: string, key = publicKey) => {
    const where = ["--prefix", join(dir, to), "--bin", join(dir, to, "bin")];
    return run(["sh", join(bundle, "install.sh"), "--public-key", key, ...where]);
  };

  beforeAll(async () => {
    mkdirSync(env.HOME);
    const key = join(dir, "release.key");
    expect(spawnSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", key]).status).toBe(0);
    spawnSync("chmod", ["600", key]);
    const args = [join(root, "bin/bundle-offline.mjs"), "--key", key, "--out", join(dir, "made")];
    const made = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(made.stderr).toBe("");
    publicKey = /^signed by (\S+)$/m.exec(made.stdout)?.[1] ?? "";
    archive = join(dir, "made", readdirSync(join(dir, "made"))[0] ?? "");
    island = openIsland();
    if (island?.child.stdout) await once(island.child.stdout, "data");
  }, 180_000);
  afterAll(() => void island?.child.kill("SIGKILL"));

  const tampered: [string, (bundle: string) => void, RegExp][] = [
    [
      "a byte of the payload",
      (bundle) => appendFileSync(join(bundle, "payload.tar"), "x"),
      /not what was signed/,
    ],
    ["the installer", (bundle) => appendFileSync(join(bundle, "install.sh"), "\n"), /not what was signed/],
    [
      "the sums as well",
      (bundle) => {
        appendFileSync(join(bundle, "payload.tar"), "x");
        const { stdout } = spawnSync("sha256sum", ["install.sh", "payload.tar"], {
          cwd: bundle,
          encoding: "utf8",
        });
        writeFileSync(join(bundle, "SHA256SUMS"), stdout);
      },
      /signature does not belong/,
    ],
    [
      "all of it, signed by somebody else",
      (bundle) => {
        const other = join(dir, "other.key");
        spawnSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", other]);
        spawnSync("openssl", ["pkey", "-in", other, "-pubout", "-out", join(bundle, "release.pub")]);
        const sign = [
          "pkeyutl",
          "-sign",
          "-inkey",
          other,
          "-rawin",
          "-in",
          "SHA256SUMS",
          "-out",
          "SHA256SUMS.sig",
        ];
        expect(spawnSync("openssl", sign, { cwd: bundle }).status).toBe(0);
      },
      /signed by another key/,
    ],
    ["the signature away", (bundle) => rmSync(join(bundle, "SHA256SUMS.sig")), /no file SHA256SUMS.sig/],
    [
      "the key for nonsense",
      (bundle) => writeFileSync(join(bundle, "release.pub"), "x"),
      /no Ed25519 public key/,
    ],
  ];
  it.each(tampered)(
    "is refused, and nothing unpacked, where somebody changed %s",
    (name, change, message) => {
      const bundle = unpacked(`tampered ${name}`);
      change(bundle);
      const { status, stderr } = install(bundle, `refused ${name}`);
      expect(stderr).toMatch(message);
      expect(status).not.toBe(0);
      expect(readdirSync(dir)).not.toContain(`refused ${name}`);
    },
  );

  it("is not installed by a script that names no key", () => {
    const { status, stderr } = run(["sh", join(unpacked("keyless"), "install.sh")]);
    expect({ status, stderr }).toMatchObject({ status: 64, stderr: expect.stringContaining("--public-key") });
  });

  it("installs without a network, looks after two model servers within a minute, and its units start", async () => {
    const children: ChildProcess[] = [];
    const start = async (command: string[], more: Record<string, string> = {}) => {
      const child = spawn(...words(command), {
        cwd: dir,
        env: { ...env, ...more },
        stdio: ["pipe", "pipe", "pipe"],
      });
      children.push(child);
      let said = "";
      child.stderr?.on("data", (chunk) => (said = `${said}${chunk}`.slice(-4000)));
      for await (const line of createInterface({ input: child.stdout ?? [] })) {
        child.stdout?.resume();
        return JSON.parse(line) as { url: string };
      }
      throw new Error(`${command.join(" ")} ended: ${said}`);
    };
    const model = async (id: string) => {
      const repository = join(dir, id);
      mkdirSync(join(repository, "digits"), { recursive: true });
      copyFileSync(digits.current, join(repository, "digits/model.onnx"));
      // The model server is no part of the bundle: it runs on the repository's own Node.
      const program = join(root, "test/model-server/main.ts");
      const { url } = await start([process.execPath, program, "--repository", repository]);
      return ["--upstream", url, "--model-dir", join(repository, "digits")];
    };
    try {
      const [a, b] = [await model("a"), await model("b")];
      const startMs = performance.now();
      const installed = install(unpacked("bundle"), "opt");
      expect(installed).toMatchObject({ status: 0, stderr: "" });
      expect(installed.stdout).toMatch(/^verified$/m);
      const locum = join(dir, "opt/bin/locum");
      expect(run([locum, "--help"]).stdout).toContain("disaster recovery");
      const done = (...args: string[]) => expect(run([locum, ...args]), args[0]).toMatchObject({ status: 0 });
      done("init", "--service", "digits", ...a, ...b);
      cpSync(digits.goldenRequests, join(dir, "requests.json"));
      done("golden", "record", "--inputs", "requests.json");
      await start([locum, "up", "--json", "--end-with-stdin"]);
      const up = children.at(-1);
      await until(() => run([locum, "status"]).status === 0, {
        what: "a healthy service",
        withinMs: 60_000,
        everyMs: 200,
      });
      console.log(
        `install to first healthy status: ${((performance.now() - startMs) / 1000).toFixed(1)} s${island ? ", in a network of its own" : ""}`,
      );
      // Again, over itself: an upgrade keeps nothing of the one before.
      expect(install(join(dir, "bundle", readdirSync(join(dir, "bundle"))[0] ?? ""), "opt")).toMatchObject({
        status: 0,
      });
      expect(readdirSync(join(dir, "opt")).sort()).toEqual(["0.1.0", "bin", "current"]);

      if (up) await end(up);
      const state = join(dir, "state");
      const port = 20_000 + Math.floor(Math.random() * 10_000);
      const collector = { listen: `127.0.0.1:${port}`, tokenFile: join(state, "tokens.json") };
      appendFileSync(join(dir, "locum.yaml"), `\ncollector: ${JSON.stringify(collector)}\n`);
      const unit = (name: string) => {
        const text = readFileSync(join(dir, "opt/current/share/systemd", name), "utf8");
        const command = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? "";
        return command
          .replace("/usr/local/bin/locum", locum)
          .replace("/etc/locum/locum.yaml", join(dir, "locum.yaml"))
          .replaceAll("/var/lib/locum", state)
          .replaceAll("%i", "a")
          .replace(/\$\{CREDENTIALS_DIRECTORY\}/, state)
          .split(" ");
      };
      await start(unit("locum-collector.service"));
      await start(unit("locum-sidecar@.service"));
      const sees = () => {
        const last = run([locum, "status", "--json"]).stdout.trim().split("\n").at(-1) ?? "{}";
        const { instances } = JSON.parse(last) as { instances: { instance: string; ageMs: number | null }[] };
        return instances.some((one) => one.instance === "a" && one.ageMs !== null);
      };
      await until(sees, { what: "the collector to see the sidecar", everyMs: 200 });
    } finally {
      for (const child of children.reverse()) await end(child);
    }
  }, 180_000);

  it("starts sidecar and collector by themselves, with the memory that they were measured with", () => {
    const launcher = readFileSync(join(dir, "opt/current/bin/locum"), "utf8");
    expect(launcher).toContain("--max-semi-space-size=1 --max-old-space-size=64");
    const asked = run([join(dir, "opt/bin/locum"), "sidecar"]);
    expect({ status: asked.status, stderr: asked.stderr }).toMatchObject({
      status: 64,
      stderr: expect.stringContaining("expected --config FILE or a service in LOCUM_SERVICE"),
    });
    expect(run([join(dir, "opt/bin/locum"), "sidecar", "--help"]).stdout).toContain("locum sidecar --config");
  });
});
