import { type Document, parseAllDocuments } from "yaml";

/** One document of a stream: its nodes with their places in the text, and its value. */
export type YamlDoc = {
  doc: Document.Parsed;
  value: unknown;
  /** Keys that stand twice in one mapping: such a document can be read, and not be edited. */
  duplicateKeys: boolean;
};
export type YamlStream = { docs: YamlDoc[] } | { problem: YamlProblem };
/** Counted from 1. */
export type YamlProblem = { line: number; column: number; message: string };

export const streamCharsMax = 16 * 1024 * 1024;
const aliasesMax = 1000;

/**
 * Parses a stream of YAML or JSON documents. Bounded in size, depth and aliases; never throws. `places: false` is for
 * those who want values alone: it keeps no tokens.
 */
export function parseStream(text: string, { places = true }: { places?: boolean } = {}): YamlStream {
  if (text.length > streamCharsMax)
    return { problem: { line: 1, column: 1, message: `longer than ${streamCharsMax} characters` } };
  try {
    return parsed(text, places);
  } catch (error) {
    // An alias bomb ends here, and whatever else the parser throws at.
    return {
      problem: { line: 1, column: 1, message: (error as Error).message.split("\n", 1)[0] ?? "unreadable" },
    };
  }
}

/** The values of a stream alone. */
export function readStream(text: string): { values: unknown[] } | { problem: YamlProblem } {
  const read = parseStream(text.replace(/^\uFEFF/, ""), { places: false });
  return "problem" in read ? read : { values: read.docs.map(({ value }) => value) };
}

function parsed(text: string, keepSourceTokens: boolean): YamlStream {
  const documents = parseAllDocuments(text, {
    keepSourceTokens,
    merge: true,
    uniqueKeys: true,
    strict: true,
    logLevel: "silent",
    prettyErrors: false,
  });
  const docs: YamlDoc[] = [];
  for (const doc of documents) {
    const fatal = doc.errors.find(({ code }) => code !== "DUPLICATE_KEY");
    if (fatal)
      return { problem: { ...placeOf(text, fatal.pos[0]), message: fatal.message.split("\n", 1)[0] ?? "" } };
    docs.push({
      doc,
      value: doc.toJS({ maxAliasCount: aliasesMax }),
      duplicateKeys: doc.errors.length > 0,
    });
  }
  return { docs };
}

export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return { line, column: at - (before.lastIndexOf("\n") + 1) + 1 };
}
