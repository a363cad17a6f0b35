// `npm run build`: one CommonJS file for each app, dist/<app>/main.cjs, which runs without the monorepo.
// CommonJS, because a node: module that is imported as ES module has each of its exports read, which loads a whole
// HTTP client: 15 MB more for a process that never uses it. For the same reason import() becomes require().
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const options = {
  write: false,
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node26",
  minifyWhitespace: true,
  keepNames: true,
  supported: { "dynamic-import": false },
  banner: { js: 'const bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
  define: { "import.meta.url": "bundleUrl", "import.meta.dirname": "__dirname" },
  logLevel: "warning",
};

/** zod carries its messages in fifty languages; ours are in one. */
const englishOnly = {
  name: "english-only",
  setup({ onLoad }) {
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
      loader: "js",
    }));
  },
};

/** What browsers load from the collector is text in its bundle; from sources it is read from its folder. */
const islandsInside = {
  name: "islands-inside",
  setup({ onLoad }) {
    onLoad({ filter: /console[\\/]islands\.ts$/ }, async ({ path }) => {
      const folder = join(dirname(path), "islands");
      const names = (await readdir(folder)).filter((name) => name.endsWith(".js")).sort();
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
      const islands = Object.fromEntries(names.map((name, index) => [name, texts[index]]));
      return { contents: `export const islands = ${JSON.stringify(islands)};`, loader: "js" };
    });
  },
};

/**
 * A thread's program is text in the bundle that starts it, so that a program stays one file. A text lies nowhere: what
 * it looks for beside itself, a native library, is looked for beside the bundle.
 */
const threadInside = {
  name: "thread-inside",
  setup({ onLoad }) {
    for (const [filter, worker, name] of [
      [/search[\\/]search-program\.ts$/, "search-worker.ts", "searchProgram"],
      [/repositories[\\/]repository-program\.ts$/, "repository-worker.ts", "repositoryProgram"],
      [/pipeline[\\/]pipeline-program\.ts$/, "pipeline-worker.ts", "pipelineProgram"],
    ])
      onLoad({ filter }, async ({ path }) => {
        const { outputFiles } = await build({
          ...options,
          banner: {},
          entryPoints: [join(dirname(path), worker)],
          // Its packages are the program's own, whose notices are beside it.
          legalComments: "none",
          plugins: [englishOnly],
        });
        const text = JSON.stringify(outputFiles[0].text);
        const program = `"const bundleUrl=" + JSON.stringify(import.meta.url) + ";" + ${text}`;
        return {
          contents: `export const ${name} = { program: ${program}, options: { eval: true } };`,
          loader: "js",
        };
      });
  },
};

/** The front of `locum up` is a program of its own, in the sidecar's room. */
const sources = {
  sidecar: "apps/sidecar/src/main.ts",
  front: "apps/sidecar/src/front.ts",
  collector: "apps/collector/src/main.ts",
  cli: "apps/cli/src/main.ts",
  injector: "apps/injector/src/main.ts",
};
const isThere = (app) => existsSync(root + sources[app]);
const asked = process.argv.slice(2);
const apps = asked.length > 0 ? asked : Object.keys(sources).filter(isThere);

for (const app of apps) {
  const source = Object.hasOwn(sources, app) ? root + sources[app] : "";
  if (!existsSync(source))
    throw new Error(
      `there is no program ${app}; there are ${Object.keys(sources).filter(isThere).join(", ")}`,
    );
  const folder = `${root}dist/${app}`;
  await mkdir(folder, { recursive: true });
  const { metafile, outputFiles } = await build({
    ...options,
    metafile: true,
    entryPoints: [source],
    outfile: `${folder}/main.cjs`,
    legalComments: "linked",
    plugins: [englishOnly, islandsInside, threadInside],
  });
  // One other character, and the engine keeps the whole text at two bytes for each: 2.4 MB more resident.
  if (
    app === "sidecar" &&
    outputFiles.some(({ path, text }) => path.endsWith(".cjs") && /[^\0-\xff]/.test(text))
  )
    throw new Error("the sidecar's bundle has a character beyond Latin-1: write it as an escape");
  // Which source files are in it: the bill of materials of an image lists these packages and no others.
  const inputs = Buffer.from(JSON.stringify(Object.keys(metafile.inputs).sort()));
  // By renames: a program that starts while this one runs finds the old file or the new one, never a part.
  for (const { path, contents } of [...outputFiles, { path: `${folder}/main.meta.json`, contents: inputs }]) {
    await writeFile(`${path}.${process.pid}`, contents);
    await rename(`${path}.${process.pid}`, path);
  }
  const size = outputFiles.find(({ path }) => path.endsWith(".cjs"))?.contents.length ?? 0;
  console.log(`dist/${app}/main.cjs ${(size / 1024).toFixed(0)} KB`);
}
