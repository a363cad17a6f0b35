import { join } from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";

const source = join(import.meta.dirname, "../../packages/dashboards/src");

test("what the collector takes of the dashboards holds no writer and no SDK", async () => {
  const { metafile } = await build({
    entryPoints: [join(source, "index.ts"), join(source, "pages/index.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    outdir: "out",
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.some((path) => path.endsWith("dashboards/src/dashboards.ts"))).toBe(true);
  expect(inputs.filter((path) => /grafana|dashboards\/src\/write\//.test(path))).toEqual([]);
});
