// A process of its own, to be killed: restores a directory from its twin, from the first argument's JSON.
import { openTwin } from "../open-twin.ts";
import { restoreTree } from "../restore.ts";
import { scanTree } from "../scan-tree.ts";

const { dir, digest } = JSON.parse(process.argv[2] ?? "{}") as { dir: string; digest: string };
const { source, tree } = await openTwin({ dir, digest, verify: "names" });
const { digest: expected } = await scanTree({ dir });
const onPhase = (phase: string) => process.stdout.write(`${phase}\n`);
await restoreTree({ dir, expected, target: tree, source, onPhase });
process.stdout.write("end\n");
