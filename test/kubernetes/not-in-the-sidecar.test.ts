import { build } from "esbuild";
import { expect, test } from "vitest";

const root = new URL("../..", import.meta.url).pathname;

/** Every source file that the program of an app draws in. */
async function sourcesOf(app: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`apps/${app}/src/main.ts`],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  return Object.keys(metafile.inputs);
}

test("the sidecar has no Kubernetes client in it, and no injection", async () => {
  const sources = await sourcesOf("sidecar");
  expect(sources.length).toBeGreaterThan(100);
  expect(
    sources.filter((path) => /runtime\/src\/kubernetes|packages\/injection|@peculiar/.test(path)),
  ).toEqual([]);
});

test("the injector has the client", async () => {
  expect(await sourcesOf("injector")).toContain("packages/runtime/src/kubernetes/client.ts");
});
