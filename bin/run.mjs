// Starts a program on the Node binary that comes with the dependencies, whatever Node started this file:
// `node bin/run.mjs FILE ARGS...`. Signals are handed on, and so is the exit code.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const node = pinnedNode() ?? runningNode();
if (!node) {
  console.error(
    `locum needs Node 26 and found ${process.versions.node}. Run "npm ci" without --omit=optional, or start it with Node 26 or later.`,
  );
  process.exit(1);
}

const child = spawn(node, process.argv.slice(2), {
  stdio: "inherit",
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

function pinnedNode() {
  const os = process.platform === "win32" ? "win" : process.platform;
  const file = os === "win" ? "bin/node.exe" : "bin/node";
  // Apple silicon builds are published under another name than the others.
  for (const name of [`node-${os}-${process.arch}`, `node-bin-${os}-${process.arch}`]) {
    try {
      return require.resolve(`${name}/${file}`);
    } catch {
      // Not installed for this platform: try the next name.
    }
  }
  return undefined;
}

function runningNode() {
  return Number(process.versions.node.split(".")[0]) >= 26 ? process.execPath : undefined;
}
