export type BenchFlag = { kind: "number" | "switch" | "text"; about: string };
export type BenchTools = {
  flags: Record<string, number | boolean | string | undefined>;
  /** For people; silent with --json. */
  print(text: string): void;
  /** For scripts; silent without --json. */
  emit(line: { kind: string } & Record<string, unknown>): void;
};

/** What a bench gives back becomes the last line of --json. */
export type BenchSummary = Record<string, unknown> & { objectivesMet: boolean };

export type Bench = {
  about: string;
  flags: Record<string, BenchFlag>;
  run(tools: BenchTools): Promise<BenchSummary>;
};
