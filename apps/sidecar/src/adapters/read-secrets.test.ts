import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readToken } from "./read-secrets.ts";

test.each([
  ["a projected token", "eyJh.eyJz.c2ln\n", "eyJh.eyJz.c2ln"],
  [
    "a file of tokens",
    JSON.stringify({ tokens: [{ role: "sidecar", token: "t".repeat(16) }] }),
    "t".repeat(16),
  ],
  ["nonsense", "not a token", null],
  ["a projected token that never ends", `${"a".repeat(20_000)}.b.c`, null],
])("%s", async (_what, text, token) => {
  const dir = await mkdtemp(join(tmpdir(), "locum-token-"));
  const file = join(dir, "token");
  await writeFile(file, text);
  const read = readToken(file, "s/a");
  if (token === null) await expect(read).rejects.toMatchObject({ code: "not-authenticated" });
  else expect(await read).toBe(token);
  await rm(dir, { recursive: true });
});
