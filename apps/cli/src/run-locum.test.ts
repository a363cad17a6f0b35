import { describe, expect, test } from "vitest";
import { openDesk } from "./testing/run-cli.ts";
import { verbs } from "./verbs.ts";

const names = Object.keys(verbs);

describe("help", () => {
  test.for(names)("of %s teaches by example and fits 80 columns", async (name) => {
    await using desk = await openDesk();
    const { code, stdout, stderr } = await desk.run(...name.split(" "), "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Examples");
    expect(stdout).toContain(`  locum ${name}`);
    // Examples are for copying: they are never broken.
    const lines = stdout.split("\n").filter((line) => !line.startsWith("  locum "));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("of all names every verb and fits 80 columns", async () => {
    await using desk = await openDesk();
    for (const argv of [["--help"], ["help"], ["-h"]]) {
      const { code, stdout } = await desk.run(...argv);
      expect(code).toBe(0);
      for (const name of names) expect(stdout).toContain(`  ${name} `);
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  test("of a first word names what is below it", async () => {
    await using desk = await openDesk();
    const { stdout } = await desk.run("incident", "--help");
    expect(stdout).toContain("incident show");
    expect(stdout).not.toContain("haproxy");
  });
});

describe("what goes wrong", () => {
  test.for<[string[], number, RegExp]>([
    [[], 64, /expected a verb/],
    [["stauts"], 64, /Did you mean locum status\?/],
    [["golden"], 64, /golden record/],
    [["golden", "recrod"], 64, /golden record/],
    [["constructor"], 64, /no verb/],
    [["status", "--colour"], 64, /--colour/],
    [["check", "--config", "absent.yaml"], 64, /config-unreadable/],
    [["verify", "absent.json"], 13, /not-found/],
    [["promote"], 64, /config-unreadable/],
    [["drill", "run", "nan"], 64, /--target/],
    [["init", "--service", "Not A Name", "--upstream", "http://127.0.0.1:1"], 64, /lower-case/],
    [["init", "--service", "s", "--upstream", "ftp://x"], 64, /http/],
    [["init", "--service", "s", "--upstream", "http://127.0.0.1:1"], 2, /upstream-unreachable/],
    [["detect"], 64, /expected a URL/],
    [["detect", "http://127.0.0.1:1", "--timeout-ms", "soon"], 64, /whole number/],
  ])("%j ends with %i and a hint", async ([argv, exit, message]) => {
    await using desk = await openDesk();
    const people = await desk.run(...argv);
    expect(people).toMatchObject({ code: exit, stdout: "" });
    expect(people.stderr).toMatch(message);
    expect(people.stderr).toMatch(/^error [a-z-]+: .+\nhint: .+\n$/s);
    const script = await desk.run(...argv, "--json");
    expect(script).toMatchObject({ code: exit, stdout: "" });
    expect(JSON.parse(script.stderr)).toMatchObject({
      kind: "error",
      code: expect.stringMatching(/^[a-z-]+$/),
    });
  });

  test("a signal ends a verb that does not wait for one", async () => {
    const stopping = new AbortController();
    stopping.abort();
    await using desk = await openDesk({ signal: stopping.signal });
    expect((await desk.run("detect", "http://127.0.0.1:1")).code).toBe(130);
  });
});

test("colour only on a terminal, and not with NO_COLOR", async () => {
  const coloured = async (options: Parameters<typeof openDesk>[0]) => {
    await using desk = await openDesk(options);
    return (await desk.run("verify", "absent.json")).stderr.includes("\u001b[");
  };
  expect(await coloured({ isTTY: true })).toBe(true);
  expect(await coloured({ isTTY: true, env: { NO_COLOR: "1" } })).toBe(false);
  expect(await coloured({ isTTY: false })).toBe(false);
});
