export type Instruction = { name: string; words: string };

/** Instructions of a Dockerfile, continued lines joined, comments out. */
export function readDockerfile(text: string): Instruction[] {
  return text
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .join("\n")
    .replace(/\\\n\s*/g, " ")
    .split("\n")
    .flatMap((line) => {
      const found = /^\s*([A-Za-z]+)\s+(.*?)\s*$/.exec(line);
      return found ? [{ name: found[1]?.toUpperCase() ?? "", words: found[2] ?? "" }] : [];
    });
}

/** What is wrong with it for an image that runs anywhere, restricted. */
export function lintDockerfile(instructions: readonly Instruction[]): string[] {
  const of = (name: string) => instructions.filter((one) => one.name === name).map(({ words }) => words);
  const last = instructions.findLastIndex(({ name }) => name === "FROM");
  const final = instructions.slice(last);
  const problems: string[] = [];
  const stages = of("FROM").flatMap((words) => / AS (\S+)$/i.exec(words)?.[1] ?? []);
  for (const from of of("FROM")) {
    const [image = ""] = from.split(/\s+/);
    const argument = /^\$\{?(\w+)\}?$/.exec(image)?.[1];
    const isPinned = image.includes("@sha256:") || stages.includes(image);
    if (argument === undefined ? !isPinned : !of("ARG").includes(argument))
      problems.push(`FROM ${image}: expected a digest, or an ARG without a default`);
  }
  if (instructions.some(({ words }) => /:latest\b/.test(words))) problems.push("latest names nothing");
  if (of("ADD").length > 0) problems.push("ADD: COPY takes what is here, and nothing from the network");
  if (of("HEALTHCHECK").length > 0) problems.push("HEALTHCHECK: whoever runs the image asks");
  const user = final.findLast(({ name }) => name === "USER")?.words;
  if (user === undefined || !/^[1-9]\d*(:\d+)?$/.test(user)) problems.push("USER: expected a number above 0");
  const entry = final.findLast(({ name }) => name === "ENTRYPOINT")?.words ?? "";
  if (!entry.startsWith("[")) problems.push("ENTRYPOINT: expected the exec form, so that signals arrive");
  if (!final.some(({ name }) => name === "STOPSIGNAL")) problems.push("STOPSIGNAL is not said");
  return problems;
}
