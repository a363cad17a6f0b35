import type { Spoken } from "../connect.ts";
import { connect } from "../connect.ts";

/**
 * A program for tests: asks each server that is named in its argument for one inference and its count, beside a heap
 * that is as full as a sidecar's, and says what became of it, a line each.
 */
export type HugeCase = { name: string; url: string; request: object; timeoutMs: number } & Spoken;

const ballast = Array.from({ length: 400_000 }, (_, at) => ({ at }));
for (const { name, request, timeoutMs, ...spoken } of JSON.parse(process.argv[2] ?? "[]") as HugeCase[]) {
  const server = connect(spoken);
  const became = await server.infer("m", request, { timeoutMs }).then(
    ({ outputs }) => outputs.map(({ data }) => data.length).join(","),
    (fault) => String(fault.code ?? fault),
  );
  await server.progress({ timeoutMs });
  server.close();
  console.log(`${name}: ${became}`);
}
console.log(`all ${ballast.length > 0}`);
