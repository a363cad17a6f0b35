// `npm run check`: format and lint, types, and the floors (which package may import which).
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const tool = (path) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));
const steps = [
  ["format and lint", [tool("@biomejs/biome/bin/biome"), "check", "--config-path=.biome.json", "."]],
  ["types", [tool("typescript/bin/tsc"), "-p", "test"]],
  ["floors", [tool("turbo/bin/turbo"), "boundaries"]],
];
for (const [name, args] of steps) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name}`);
  if (status !== 0) process.exit(1);
}
