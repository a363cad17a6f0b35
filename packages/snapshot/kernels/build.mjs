// Compiles kernels.as (AssemblyScript, whose compiler wants to hear .ts) and writes the module as text that a bundle can carry: node build.mjs [FILE]. The compiler is
// pinned by the lock file, so the same source gives the same bytes everywhere; a test compares them.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";

const source = await readFile(new URL("kernels.as", import.meta.url), "utf8");
const written = new Map();
const { error, stderr } = await main(
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
    "kernels.wasm",
  ],
  {
    readFile: (name) => (name === "kernels.ts" ? source : null),
    writeFile: (name, contents) => void written.set(name, contents),
    listFiles: () => [],
  },
);
if (error) throw new Error(`${error.message}\n${stderr}`);
const base64 = Buffer.from(written.get("kernels.wasm")).toString("base64");
const lines = base64.match(/.{1,100}/g).map((line) => `  "${line}"`);
const text = `/** kernels/kernels.as, compiled by kernels/build.mjs. */\nexport const kernelsWasm = [\n${lines.join(",\n")},\n].join("");\n`;
const target =
  process.argv[2] ?? fileURLToPath(new URL("../src/lsr/kernels/kernels-wasm.ts", import.meta.url));
await writeFile(target, text);
