import { entry } from "./help.ts";

const groups: Record<string, string> = {
  start: "Try it, set it up",
  look: "Look",
  act: "Act",
  prove: "Prove",
  keep: "Keep snapshots",
  deploy: "Deploy beside models",
  run: "Run the parts",
};
export type VerbGroup = keyof typeof groups;

/** All verbs by what they are for, or those that begin with one word. */
export function overview(verbs: Record<string, { group: string; about: string }>, first?: string): string {
  const shown = Object.entries(verbs).filter(
    ([name]) => first === undefined || first.startsWith("-") || name.startsWith(`${first} `),
  );
  const sections = Object.entries(groups).flatMap(([group, title]) => {
    const members = shown.filter(([, verb]) => verb.group === group);
    if (members.length === 0) return [];
    return [title, ...members.flatMap(([name, { about }]) => entry(name, about)), ""];
  });
  return [
    "locum: disaster recovery for model serving. Your model server says 200;",
    "Locum checks that the answer is right, and puts the model back when it is not.",
    "",
    "See it work:            locum demo",
    "Your own servers:       locum init --service S --upstream URL --upstream URL",
    "                        locum golden record --inputs requests.json",
    "                        locum up",
    "",
    ...sections,
    "locum VERB --help teaches each by example; --json makes every one a script's.",
    "Exit codes: 0 ok, 2 degraded, 3 objective missed, 4 refused, 10 collector away,",
    "64 bad usage or configuration, 130 interrupted; docs/errors.md has them all.",
    "",
  ].join("\n");
}
