import { writeFileAtomic } from "../atomic-file.ts";

/** Writes growing versions of one file and confirms each on standard output, until it is killed. */
const path = process.argv[2] ?? "";
const filler = "x".repeat(200_000);
for (let version = 1; version < 100_000; version += 1) {
  await writeFileAtomic(path, JSON.stringify({ version, filler }));
  process.stdout.write(`${version}\n`);
}
