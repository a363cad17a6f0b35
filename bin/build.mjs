// `npm run build`: one CommonJS file for each app, dist/<app>/main.cjs, which runs without the monorepo.
// CommonJS, because a node: module that is imported as ES module has each of its exports read, which loads a whole
// HTTP client: 15 MB more for a process that never uses it. For the same reason import() becomes require().
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
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
const apps = ["sidecar", "collector", "cli"];
const asked = process.argv.slice(2);

for (const app of asked.length > 0 ? asked : apps) {
  const source = `${root}apps/${app}/src/main.ts`;
  if (!existsSync(source)) throw new Error(`there is no app ${app}; there are ${apps.join(", ")}`);
  const folder = `${root}dist/${app}`;
  await rm(folder, { recursive: true, force: true });
  await build({
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
  const { size } = await stat(`${folder}/main.cjs`);
  console.log(`dist/${app}/main.cjs ${(size / 1024).toFixed(0)} KB`);
}
