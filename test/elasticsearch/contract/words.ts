import type { ServerRequest } from "@locum/audit/elasticsearch";
import { expect } from "vitest";
import { type Family, type FamilyTraits, families } from "../family.ts";

/** What the cases are written with. */
export type Words = ReturnType<typeof wordsFor>;

export function wordsFor({ stream, traits }: { stream: string; traits: FamilyTraits }) {
  const create = (id: string): object => ({ create: { _index: stream, _id: id } });
  const document = (seq: number, more: object = {}): object => ({
    "@timestamp": "2026-01-02T03:04:05.000Z",
    message: "Two goldens failed",
    event: { sequence: seq, hash: `h${seq}`, action: seq % 2 === 0 ? "even" : "odd" },
    ...more,
  });
  return {
    stream,
    traits,
    elasticsearch: families.filter((family): family is Family => family !== "opensearch-3"),
    absent: `${stream}-absent`,
    firstIndex: expect.stringMatching(/^\.ds-.*-000001$/),
    secondIndex: expect.stringMatching(/^\.ds-.*-000002$/),
    error: (type: string) => ({ error: { type, reason: expect.any(String) } }),
    refused: (type: string, status = 400) => ({ create: { status, error: { type } } }),
    create,
    document,
    wrong: (more: object): object => ({ ...document(9), ...more }),
    bulk: (...items: object[]): ServerRequest => ({
      method: "POST",
      path: "/_bulk",
      lines: items.map((item) => JSON.stringify(item)),
    }),
    search: (body: Record<string, unknown>): ServerRequest => ({
      method: "POST",
      path: `/${stream}/_search`,
      body,
    }),
  };
}
