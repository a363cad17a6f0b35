import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseTokens, readTokenFile } from "./adapters/token-file.ts";
import { createAuthenticate, type Token } from "./auth.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "locum-auth-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const quiet = () => undefined;

test("the first start makes one token a role, for the owner alone; the next start takes them", async () => {
  const file = join(folder, "new", "tokens.json");
  const made = await readTokenFile(file, quiet);
  expect(made.map(({ role }) => role)).toEqual(["admin", "operator", "viewer", "sidecar"]);
  expect(new Set(made.map(({ token }) => token)).size).toBe(4);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await readTokenFile(file, quiet)).toEqual(made);
});

test("a token file that others could read is closed to them", async () => {
  const file = join(folder, "open.json");
  writeFileSync(file, JSON.stringify({ tokens: [{ name: "v", role: "viewer", token: "0123456789abcdef" }] }));
  chmodSync(file, 0o644);
  const said: string[] = [];
  await readTokenFile(file, (level) => said.push(level));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(said).toEqual(["warn"]);
});

test.each([
  ["", "nothing"],
  ["{", "broken JSON"],
  ["null", "null"],
  ['{"tokens":[]}', "no tokens"],
  ['{"tokens":[{"name":"a","role":"root","token":"0123456789abcdef"}]}', "an unknown role"],
  ['{"tokens":[{"name":"a","role":"admin","token":"short"}]}', "a short token"],
  [
    '{"tokens":[{"name":"a","role":"admin","token":"with a space inside"}]}',
    "a token that no header can carry",
  ],
])("%s is refused, and not quoted (%s)", (text) => {
  try {
    parseTokens(text, "tokens.json");
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "config-invalid", message: "tokens.json is no token file" });
  }
});

test("only the whole token opens, whatever else is sent", () => {
  const tokens: Token[] = [
    { name: "ann", role: "operator", token: "operator-0123456789" },
    { name: "pod", role: "sidecar", token: "sidecar-0123456789", instance: "s/a" },
  ];
  const authenticate = createAuthenticate(tokens);
  expect(authenticate("Bearer operator-0123456789")).toEqual({ name: "ann", role: "operator" });
  expect(authenticate("bearer sidecar-0123456789")).toEqual({
    name: "pod",
    role: "sidecar",
    instance: "s/a",
  });
  const other = fc.oneof(
    fc.string(),
    fc.string().map((text) => `Bearer ${text}`),
    fc.integer({ min: 0, max: 18 }).map((length) => `Bearer ${"operator-0123456789".slice(0, length)}`),
    fc.constantFrom(
      "Bearer operator-0123456789 ",
      "Bearer  operator-0123456789",
      "Basic operator-0123456789",
    ),
  );
  fc.assert(
    fc.property(other, (header) => {
      expect(authenticate(header)).toBeNull();
    }),
  );
  expect(authenticate(undefined)).toBeNull();
});
