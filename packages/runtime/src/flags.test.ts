import { describe, expect, test } from "vitest";
import { parseFlags } from "./flags.ts";

const specs = {
  config: { kind: "text", required: true, about: "service file" },
  listen: { kind: "text", fallback: "127.0.0.1:0", about: "address" },
  upstream: { kind: "list", about: "model server" },
  json: { kind: "switch", about: "JSON lines" },
} as const;

test("flags come with their kinds and fallbacks", () => {
  const { flags, positionals } = parseFlags(
    ["--config", "a.yaml", "--upstream=x", "--upstream", "y", "run"],
    specs,
    { positionalsMax: 1 },
  );
  expect(flags).toEqual({ config: "a.yaml", listen: "127.0.0.1:0", upstream: ["x", "y"], json: false });
  expect(positionals).toEqual(["run"]);
});

describe("bad command lines are one fault that names what is wrong:", () => {
  test.each([
    [["--config", "a", "--jsn"], "--jsn"],
    [[], "--config"],
    [["--config"], "--config"],
    [["--config", "a", "--json=yes"], "--json"],
    [["--config", "a", "stray"], "stray"],
  ])("%j", (argv, named) => {
    expect(() => parseFlags(argv, specs)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(named) }),
    );
  });
});
