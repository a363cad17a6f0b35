import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDigits } from "../stack/digits-server.ts";
import { findChromium } from "../stack/find-chromium.ts";
import { type LocumCommand, locumCommand, type Running } from "../stack/locum-command.ts";
import type { ModelProcess } from "../stack/model-process.ts";
import { type StackView, viewStack } from "../stack/stack-view.ts";
import { deploy, digits } from "../stack/strikes.ts";
import { until } from "../stack/until.ts";

/** What an operator asks and orders at the command line, of a stack that serves. No URL and no token is typed. */
describe("an operator's verbs", () => {
  let dir: string;
  let config: string;
  let models: ModelProcess[];
  let locum: LocumCommand;
  let running: Running;
  let view: StackView;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-operator-"));
    config = join(dir, "locum.yaml");
    models = await Promise.all(["a", "b"].map((id) => startDigits({ id, dir })));
    locum = locumCommand({ dir });
    const pairs = models.flatMap(({ url, repository }) => ["--upstream", url, "--model-dir", repository]);
    await locum.done("init", "--service", "digits", ...pairs);
    const text = await readFile(config, "utf8");
    await writeFile(config, text.replaceAll(/^( +)role: .*$/gm, "$&\n$1drillable: true"));
    await locum.done("golden", "record", "--inputs", digits.goldenRequests);
    running = await locum.up(config);
    view = viewStack(running);
    await view.settled();
  });
  afterAll(async () => {
    await running?.end();
    for (const model of models ?? []) await model.close();
    await rm(dir, { recursive: true, force: true });
  });

  const summary = async (...argv: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await locum.done(...argv, "--json");
    const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(last.kind).toBe("summary");
    return last;
  };

  it("status fits 80 columns and ends with 0 where all is well", async () => {
    const { stdout } = await until(
      async () => {
        const ended = await locum.run("status");
        return ended.code === 0 && ended;
      },
      { what: "a healthy service" },
    );
    expect(stdout).toMatch(/^digits +healthy +a +2\/2/m);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("a second up for the same service is refused", async () => {
    const { code, stderr } = await locum.run("up");
    expect({ code, stderr }).toMatchObject({ code: 11, stderr: expect.stringContaining("runs already") });
  });

  it("promote moves the service, and back", async () => {
    expect(await summary("promote", "b")).toMatchObject({ operation: { state: "done", instance: "b" } });
    await until(async () => (await view.report("b"))?.role === "active", { what: "b to be active" });
    const again = await locum.run("promote", "b", "--json");
    expect(again.code).toBe(4);
    expect(JSON.parse(again.stderr)).toMatchObject({ kind: "error", code: "refused" });
    await view.settled();
    await locum.done("promote", "a");
    await view.settled();
  });

  it("reload proves the instance, and an unknown one is not found", async () => {
    await locum.done("reload", "b");
    expect((await locum.run("reload", "nobody")).code).toBe(13);
  });

  it("pause and resume are seen in status", async () => {
    await locum.done("pause", "--ms", "60000");
    expect((await locum.run("status")).stdout).toContain("paused");
    await locum.done("resume");
    expect((await locum.run("status")).stdout).not.toContain("paused");
  });

  it("a drill is found, undone, and reported in a file that proves itself", async () => {
    await view.settled();
    const drill = await summary("drill", "run", "corrupt-weights", "--target", "a", "--ms", "20000");
    expect(drill).toMatchObject({ fault: "corrupt-weights", objectiveMet: true, files: { length: 2 } });
    expect(await readFile(join(dir, "a/models/digits/model.onnx"))).toEqual(await readFile(digits.current));
    for (const file of drill.files as string[]) {
      await locum.done("verify", file);
      const bytes = await readFile(file);
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(join(dir, "flipped"), bytes);
      expect((await locum.run("verify", "flipped")).code).toBe(14);
      await rm(join(dir, "flipped"));
    }
    const { incidents } = (await summary("incident", "ls")) as { incidents: { id: string }[] };
    const shown = await locum.done("incident", "show", incidents[0]?.id ?? "");
    expect(shown.stdout).toContain("proven right again");
    expect((await locum.done("drill", "ls")).stdout).toContain("digits/a");
    await view.settled();
  });

  it("a dossier of the incident proves itself to the CLI and in a browser, and one changed byte is found", async (context) => {
    const { incidents } = (await summary("incident", "ls")) as { incidents: { id: string }[] };
    const dossier = await summary("audit", "dossier", incidents[0]?.id ?? "");
    const [json = ""] = dossier.files as string[];
    const evidence = JSON.parse(await readFile(json, "utf8"));
    expect(evidence.log.inclusion).toHaveLength(evidence.records.length);
    expect(evidence.records.length).toBeGreaterThan(3);
    await locum.done("verify", json);
    await locum.done("audit", "verify", "--from", "bundle", json);
    const forged = join(dir, "forged.json");
    await writeFile(forged, (await readFile(json, "utf8")).replace('"actor": "', '"actor": "other '));
    expect((await locum.run("audit", "verify", "--from", "bundle", forged)).code).toBe(14);

    const executablePath = findChromium();
    if (!executablePath) return context.skip("no Chromium on this machine: the page was not tried");
    const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.goto(`file://${dossier.verifier}`);
      const verdictOf = async (file: string): Promise<string> => {
        const input = await page.waitForSelector("input[type=file]");
        await input?.uploadFile(file);
        const name = JSON.stringify(file.slice(file.lastIndexOf("/") + 1));
        await page.waitForFunction(`document.body.innerText.includes(${name})`);
        return String(await page.evaluate('document.getElementById("verdict").textContent'));
      };
      expect(await verdictOf(json)).toContain("Unchanged");
      expect(await verdictOf(forged)).toContain("Changed, or not right: record");
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it("the audit log is searched, and followed", async () => {
    const found = await locum.done("audit", "search", "--kind", "restore.result", "--json");
    const [first] = found.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({
      kind: "record",
      record: { event: { kind: "restore.result", instance: "a" } },
    });
    expect((await locum.run("audit", "search", "--kind", "nothing")).code).toBe(64);

    const main = new URL("../../apps/cli/src/main.ts", import.meta.url).pathname;
    const tail = spawn(process.execPath, [main, "audit", "tail", "--limit", "0", "--json"], {
      cwd: dir,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    tail.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await until(
      async () => {
        await locum.done("pause", "--ms", "1000");
        await locum.done("resume");
        return said.includes('"pause.change"');
      },
      { what: "a new record" },
    );
    tail.kill("SIGINT");
    expect((await once(tail, "close"))[0]).toBe(0);
    expect(JSON.parse(said.trim().split("\n").at(-1) ?? "")).toMatchObject({ kind: "summary" });
  });

  it("a release that is approved while all runs reaches the collector, and its deploy is left alone", async () => {
    const staging = await startDigits({ id: "staging", dir, source: digits.newer });
    models.push(staging);
    const { release } = await summary("approve", "--from", staging.url, "--model-dir", staging.repository);
    const { releases } = (await summary("release", "ls")) as { releases: { digest: string }[] };
    expect(releases.map(({ digest }) => digest)).toContain(release);
    await deploy(models[1] as ModelProcess, digits.newer);
    await until(async () => (await view.report("b"))?.release === release, {
      what: "b to serve the new release",
    });
    await view.settled();
    expect(await readFile(join(dir, "b/models/digits/model.onnx"))).toEqual(await readFile(digits.newer));
  });

  it("the decisions of the collector are made again from its log", async () => {
    const folder = join(dir, ".locum/collector/inputs/digits");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".jsonl"));
    const replayed = await summary("replay", join(folder, names[0] ?? ""), "--quiet");
    expect(replayed.inputs).toBeGreaterThan(10);
  });
});
