import { documentOf, type Elasticsearch } from "@locum/audit/elasticsearch";
import { expect } from "vitest";

/** Puts the lines of a log into a stream, in three indices: as a stream that has rolled over. */
export async function putLines(
  server: Elasticsearch,
  { stream, lines }: { stream: string; lines: readonly string[] },
): Promise<void> {
  const third = Math.ceil(lines.length / 3);
  for (let from = 0; from < lines.length; from += third) {
    if (from > 0) await server.request({ method: "POST", path: `/${stream}/_rollover` });
    const answer = await server.request({
      method: "POST",
      path: "/_bulk",
      query: { refresh: true },
      lines: lines.slice(from, from + third).flatMap((line) => {
        const { id, text } = documentOf(line, { logId: "log" });
        return [JSON.stringify({ create: { _index: stream, _id: id } }), text];
      }),
    });
    expect(answer).toMatchObject({ status: 200, body: { errors: false } });
  }
}
