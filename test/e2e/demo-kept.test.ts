import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { dashboards } from "@locum/dashboards/pages";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../stack/until.ts";

const main = fileURLToPath(new URL("../../apps/cli/src/main.ts", import.meta.url));
const missing = process.env.LOCUM_REAL_PARTS !== "1";

describe.skipIf(missing)(`the demo, left running${missing ? " (set LOCUM_REAL_PARTS=1)" : ""}`, () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-kept-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("prints an address that opens its pages with what happened, goes on, and ends with nothing left", async () => {
    const child = spawn(process.execPath, [main, "demo", "--keep", "--only", "nan", "--json"], {
      env: { ...process.env, TMPDIR: dir, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    try {
      const kept = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout }).on("line", (line) => {
          const event = JSON.parse(line) as { kind: string; url: string };
          if (event.kind === "kept") resolve(event.url);
        });
        child.once("exit", (code) => reject(new Error(`it ended with ${code}`)));
      });
      const login = await fetch(kept);
      expect(login.status).toBe(200);
      const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
      const page = async (path: string): Promise<string> => {
        const answer = await fetch(new URL(path, kept), { headers: { cookie }, redirect: "manual" });
        expect(answer.status, path).toBe(200);
        return answer.text();
      };
      await until(async () => /(\d+|\d+\.\d+)\/s/.test(await page("/")), { what: "traffic" });
      expect(await page("/incidents")).toContain("not-finite");
      expect(await page("/audit?kind=divert.start")).toContain("new requests go elsewhere");
      for (const { id, title } of dashboards) expect(await page(`/dashboards/${id}`)).toContain(title);
    } finally {
      child.kill("SIGINT");
    }
    const [code] = await ended;
    // 3 is a missed objective: on a busy machine that is no fault of the demo.
    expect([0, 3]).toContain(code);
    const left = (await readdir(dir)).filter((name) => name.startsWith("locum-demo-"));
    expect(left).toEqual([]);
  }, 180_000);
});
