import { expect, test } from "vitest";
import { SnapshotHook } from "./snapshot-hook.ts";

test("a hook has its defaults, and a program that is looked for on PATH", () => {
  const given = { kind: "postgresql", name: "db", user: "model", database: "features", passFile: "pgpass" };
  expect(SnapshotHook.parse(given)).toEqual({
    ...given,
    timeoutMs: 600_000,
    host: "127.0.0.1",
    port: 5432,
    program: "pg_dump",
  });
});

test.each([
  [
    "a word that a program would take for an option",
    { kind: "postgresql", user: "model", database: "--file=/etc/passwd" },
  ],
  ["a password in a URL", { kind: "qdrant", url: "http://user:hunter2@q:6333" }],
  ["a store of no kind", { kind: "mysql", file: "x" }],
])("%s is refused", (_what, hook) => {
  expect(SnapshotHook.safeParse({ name: "db", ...hook }).success).toBe(false);
});
