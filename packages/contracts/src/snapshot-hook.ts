import { z } from "zod";

const program = (name: string) =>
  z.string().min(1).max(4096).default(name).describe("program, looked for on PATH; run without a shell");
const Host = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/)
  .default("127.0.0.1");
const port = (number: number) => z.number().int().min(1).max(65_535).default(number);
/** No word that a program would take for an option of its own. */
const Word = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/)
  .describe("letters, digits, '_', '.' and '-'");
const FilePath = z.string().min(1).max(4096).describe("path, relative to this file or absolute");

const common = {
  name: Word.describe("of its copy in the snapshot; unique"),
  timeoutMs: z
    .number()
    .int()
    .min(1000)
    .max(86_400_000)
    .default(600_000)
    .describe("what takes longer makes the snapshot torn"),
};

/**
 * What an instance keeps in a database or vector store, and how a consistent copy of it is taken. No password stands
 * here or on a command line: files hold them, mode 0600.
 */
export const SnapshotHook = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("sqlite"),
      ...common,
      file: FilePath.describe("the database; opened read-only, copied by VACUUM INTO"),
    }),
    z.strictObject({
      kind: z.literal("postgresql"),
      ...common,
      host: Host,
      port: port(5432),
      database: Word,
      user: Word,
      passFile: FilePath.optional().describe("PGPASSFILE, as libpq reads it; mode 0600"),
      program: program("pg_dump"),
    }),
    z.strictObject({
      kind: z.literal("redis"),
      ...common,
      host: Host,
      port: port(6379),
      user: Word.optional(),
      passwordFile: FilePath.optional().describe("its password alone; mode 0600"),
      program: program("redis-cli"),
    }),
    z.strictObject({
      kind: z.literal("qdrant"),
      ...common,
      url: z
        .url({ protocol: /^https?$/ })
        .refine(
          (text) => !/^[^/]*\/\/[^/?#]*@/.test(text),
          "no user and password: apiKeyFile holds what proves who asks",
        )
        .describe("its HTTP API"),
      collections: z.array(Word).max(256).default([]).describe("all that it has if empty"),
      apiKeyFile: FilePath.optional().describe("its API key alone; mode 0600"),
      bytesMax: z
        .number()
        .int()
        .min(1)
        .default(1_099_511_627_776)
        .describe("of all collections together; more makes the snapshot torn"),
    }),
  ])
  .describe("a database or vector store whose content belongs to the snapshot");
export type SnapshotHook = z.infer<typeof SnapshotHook>;
