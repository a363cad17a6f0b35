import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServiceFile, type ServiceConfig } from "@locum/contracts";
import { expect, test } from "vitest";
import { renderHaproxy } from "./render-haproxy.ts";

function config(
  over: string,
  sidecar = "tap: 10.0.0.%:7000, control: 127.0.0.1:0, agent: 10.0.0.%:7002",
): ServiceConfig {
  const instance = (id: string, host: number) =>
    `  - {id: ${id}, url: "http://10.0.0.${host}:8000", domain: n${host}, sidecar: {${sidecar.replaceAll("%", `${host}`)}}}\n`;
  const text = `apiVersion: locum.dev/v1alpha1\nservice: digits\n${over}instances:\n${instance("a", 1)}${instance("b", 2)}`;
  const parsed = parseServiceFile(text, { file: "/x/locum.yaml" });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

test("sends requests to the taps, and to the models where every tap is dead", () => {
  const { text, warnings } = renderHaproxy(config("posture: tap\n"));
  expect(warnings).toEqual([]);
  expect(text).toMatch(
    /server a 10\.0\.0\.1:7000 weight 100 check .* agent-addr 10\.0\.0\.1 agent-port 7002/,
  );
  expect(text).toMatch(/server b-direct 10\.0\.0\.2:8000/);
});

test("has no way around a tap that must not be passed", () => {
  const { text } = renderHaproxy(config("posture: tap\nfailover: {failClosed: true}\n"));
  expect(text).not.toContain("8000");
});

test("sends requests to the models in watch posture", () => {
  const { text } = renderHaproxy(config("posture: watch\n"));
  expect(text).toMatch(/server a 10\.0\.0\.1:8000 /);
  expect(text).not.toContain("7000");
});

test("says which ports a balancer cannot know", () => {
  const { warnings } = renderHaproxy(config("posture: tap\n", ""));
  expect(warnings).toHaveLength(4);
});

test("says which socket the sidecars write to", () => {
  const { text, warnings } = renderHaproxy(
    config("traffic: {haproxy: [{runtime: /run/haproxy/admin.sock}]}\n"),
  );
  expect(text).toContain(
    "# In global, for the Runtime API: stats socket /run/haproxy/admin.sock mode 660 group locum level admin\n",
  );
  expect(warnings).toEqual([]);
  const other = renderHaproxy(config("traffic: {haproxy: [{runtime: '127.0.0.1:9', backend: x}]}\n"));
  expect(other.warnings).toEqual(["traffic.haproxy names backend x: call this one so"]);
});

test.runIf(spawnSync("haproxy", ["-v"]).status === 0)("HAProxy accepts it", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-haproxy-"));
  try {
    for (const posture of ["tap", "watch"]) {
      const { text } = renderHaproxy(config(`posture: ${posture}\n`));
      const frontend = `defaults
  timeout client 9s
frontend f
  mode http
  bind 127.0.0.1:1
  ${posture === "tap" ? "use_backend digits-direct if { nbsrv(digits) eq 0 }" : ""}
  default_backend digits\n`;
      const file = join(dir, "haproxy.cfg");
      await writeFile(file, frontend + text);
      const { status, stderr } = spawnSync("haproxy", ["-c", "-f", file], { encoding: "utf8" });
      expect({ status, stderr }).toMatchObject({ status: 0 });
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
