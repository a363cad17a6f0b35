import { exitCodes, faultTable } from "@locum/contracts";

/** docs/errors.md, from the one table of faults. */
export function errorsDoc(): string {
  const rows = Object.entries(faultTable).map(
    ([code, { exit, http, retry, hint }]) => `| \`${code}\` | ${exit} | ${http} | ${retry} | ${hint} |`,
  );
  return `# Errors

Every expected fault has one code. The CLI prints it as \`error code: message\` with a hint below, on standard error
(as one line of JSON with \`--json\`), and ends with its exit code. The API answers with its HTTP status and
\`{"code","message","hint","retry"}\`. Messages say what was expected and what was found; they may change, codes do not.

\`retry\` says whether the same call can succeed: \`never\` as it is, \`later\` when something outside has changed, \`now\`
at once elsewhere.

| code | exit | HTTP | retry | hint |
| --- | --- | --- | --- | --- |
${rows.join("\n")}

## Exit codes of the CLI

| exit | meaning |
| --- | --- |
| ${exitCodes.ok} | done |
| ${exitCodes.unexpected} | a defect of Locum |
| ${exitCodes.degraded} | a service is not healthy, or a model server does not answer as it should |
| 3 | an objective was missed |
| 4 | refused by a safety rule, or goldens that could prove nothing |
| 10 | no collector answers |
| 11 | somebody else was first: a newer term or epoch, another operation, files that changed |
| 12 | not authenticated, or not authorised |
| 13 | what was named is not there |
| 14 | a release, a snapshot or evidence does not verify |
| 15 | the disk is full or fails |
| 64 | wrong usage, configuration or request |
| ${exitCodes.interrupted} | interrupted |
`;
}
