import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const options = {
  write: false,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node26",
  logLevel: "error",
  // What is looked for beside the program, the native hash, is beside its source.
  define: { "import.meta.url": JSON.stringify(import.meta.url) },
  banner: {
    js: `import{createRequire as requireOf}from"node:module";const require=requireOf(${JSON.stringify(import.meta.url)});`,
  },
} satisfies BuildOptions;

/** The child as it is shipped: bundled, with the program of its threads as text inside. Gives where it is. */
export async function bundleChild(folder: string): Promise<string> {
  const inside = {
    name: "thread-inside",
    setup({ onLoad }: Parameters<NonNullable<BuildOptions["plugins"]>[number]["setup"]>[0]) {
      onLoad({ filter: /pipeline-program\.ts$/ }, async ({ path }) => {
        const worker = path.replace("program", "worker");
        const { outputFiles } = await build({ ...options, format: "cjs", banner: {}, entryPoints: [worker] });
        const program = { program: outputFiles[0]?.text, options: { eval: true } };
        return { contents: `export const pipelineProgram = ${JSON.stringify(program)};`, loader: "js" };
      });
    },
  };
  const { outputFiles } = await build({
    ...options,
    entryPoints: [here("./locum-child.ts")],
    plugins: [inside],
  });
  const file = join(folder, "locum-child.mjs");
  await writeFile(file, outputFiles[0]?.contents ?? new Uint8Array());
  return file;
}
