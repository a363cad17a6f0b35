import { readFile } from "node:fs/promises";
import { type Memory, webAssembly } from "./web-assembly.ts";

/** All places are byte offsets into the memory that was given. */
export type Kernels = {
  forward(matrix: number, x: number, out: number, rows: number, columns: number): void;
  backward(matrix: number, gradient: number, out: number, rows: number, columns: number): void;
  learn(
    matrix: number,
    squares: number,
    gradient: number,
    x: number,
    rows: number,
    columns: number,
    rate: number,
  ): void;
  learnRow(row: number, squares: number, gradient: number, columns: number, rate: number): void;
  add(out: number, from: number, scale: number, length: number): void;
};

type Compile = (
  args: string[],
  io: {
    readFile(name: string): string | null;
    writeFile(name: string, contents: Uint8Array | string): void;
    listFiles(): string[];
  },
) => Promise<{ error: Error | null; stderr: unknown }>;

/** A word, not a literal: the compiler's types declare a console and a WebAssembly of their own for everybody. */
const compiler: string = "assemblyscript/asc";

/** kernels.as on a memory; compiled anew each time, which takes a second and leaves nothing that could be stale. */
export async function compileKernels(memory: Memory): Promise<Kernels> {
  const source = await readFile(new URL("kernels.as", import.meta.url), "utf8");
  const written = new Map<string, Uint8Array | string>();
  const { main } = (await import(compiler)) as { main: Compile };
  const { error, stderr } = await main(
    // The compiler wants to hear .ts.
    [
      "kernels.ts",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--enable",
      "simd",
      "--importMemory",
      "-o",
      "out.wasm",
    ],
    {
      readFile: (name) => (name === "kernels.ts" ? source : null),
      writeFile: (name, contents) => void written.set(name, contents),
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  const bytes = Buffer.from(written.get("out.wasm") ?? "");
  const { instance } = await webAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports as Kernels;
}
