// `npm run build`: one CommonJS file for each app, dist/<app>/main.cjs, which runs without the monorepo.
// CommonJS, because a node: module that is imported as ES module has each of its exports read, which loads a whole
// HTTP client: 15 MB more for a process that never uses it. For the same reason import() becomes require().
import { existsSync } from "node:fs";
import { rm, stat, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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

const root = fileURLToPath(new URL("..", import.meta.url));
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
  await rm(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [source],
    outfile: `${folder}/main.cjs`,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    minifyWhitespace: true,
    keepNames: true,
    legalComments: "linked",
    supported: { "dynamic-import": false },
    banner: { js: 'const bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
    define: { "import.meta.url": "bundleUrl", "import.meta.dirname": "__dirname" },
    plugins: [englishOnly],
    logLevel: "warning",
  });
  // Which source files are in it: the bill of materials of an image lists these packages and no others.
  await writeFile(`${folder}/main.meta.json`, JSON.stringify(Object.keys(metafile.inputs).sort()));
  const { size } = await stat(`${folder}/main.cjs`);
  console.log(`dist/${app}/main.cjs ${(size / 1024).toFixed(0)} KB`);
}
