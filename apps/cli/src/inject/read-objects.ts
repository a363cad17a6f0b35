import { objectsIn, readStream } from "@locum/injection";
import type { Io } from "../io.ts";
import type { BrokenFile } from "./inject-inputs.ts";
import { readInputs } from "./read-inputs.ts";

type Obj = Record<string, unknown>;

/** The objects of every file of an input, and the files that are none. */
export async function readObjects(
  paths: readonly string[],
  { io }: { io: Io },
): Promise<{ objects: Obj[]; broken: BrokenFile[] }> {
  const objects: Obj[] = [];
  const broken: BrokenFile[] = [];
  for (const { name, text } of await readInputs(paths, { io })) {
    const read =
      text === null ? { problem: { line: 1, column: 1, message: "expected UTF-8" } } : readStream(text);
    if ("problem" in read) broken.push({ name, ...read.problem });
    else objects.push(...read.values.flatMap((value) => objectsIn(value).map(({ object }) => object)));
  }
  return { objects, broken };
}
