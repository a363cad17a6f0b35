import { createBatchRoot, inferenceLine } from "@locum/audit/inference";
import { type AuditRecord, type InferenceRecord, sha256Hex } from "@locum/contracts";
import { expect, test } from "vitest";
import { assertFound, findAnswer } from "./find-answer.ts";
import { openBatchSource } from "./open-batch-source.ts";

const digest = `sha256:${sha256Hex("x")}`;
const record = (part: Partial<InferenceRecord>): InferenceRecord => ({
  id: "order-4711",
  at: "2026-01-02T03:04:05.000Z",
  service: "s",
  instance: "a",
  answeredBy: "a",
  model: "m",
  version: null,
  release: null,
  config: digest,
  policy: null,
  inputHash: digest,
  outputHash: digest,
  decision: "passed",
  status: 200,
  whole: true,
  latencyMs: 1,
  ...part,
});

/** A log with one `inference.root` a batch, the last of them the newest, and a folder with the batches. */
function world(batches: InferenceRecord[][]) {
  const texts = new Map<string, string>();
  const read: string[] = [];
  const roots = batches.map((records, seq): AuditRecord => {
    const root = createBatchRoot();
    const lines = records.map(inferenceLine);
    for (const [index, one] of records.entries()) root.add(lines[index] ?? "", one);
    const { name, ...facts } = root.batch() ?? { name: "" };
    texts.set(name, lines.map((line) => `${line}\n`).join(""));
    const event = { service: "s", instance: "a", actor: "sidecar:a", epoch: 0, incident: null, reason: "" };
    return {
      seq,
      event: {
        ...event,
        kind: "inference.root",
        at: "2026-01-02T03:04:05.000Z",
        facts: { batch: name, ...facts },
      },
      previous: "0".repeat(64),
      hash: "0".repeat(64),
    };
  });
  const client = {
    // Pages of two, so that the next one is needed.
    async searchAudit({ after }: { after?: (string | number | boolean)[] | undefined }) {
      const from = after ? Number(after[0]) : roots.length;
      const records = roots
        .filter(({ seq }) => seq < from)
        .reverse()
        .slice(0, 2);
      const last = records.at(-1)?.seq ?? 0;
      return { records, next: last > 0 ? [last] : null, aggregations: {} };
    },
  };
  const source = {
    place: "here",
    async get(name: string) {
      read.push(name);
      return texts.get(name);
    },
  };
  return { client, source, texts, roots, read };
}
const filler = (count: number) =>
  Array.from({ length: count }, (_, index) => [
    record({ id: `filler-${index}`, at: `2026-01-02T03:04:0${index}.000Z` }),
  ]);

test("it is found in an old batch, on a later page", async () => {
  const { client, source, read } = world([[record({}), record({ id: "another-1" })], ...filler(6)]);
  const search = await findAnswer("order-4711", { client, source });
  expect(search.found).toMatchObject([{ record: { id: "order-4711" }, batch: { index: 0, count: 2 } }]);
  expect(read).toHaveLength(7);
});

test("of a request that went on to another instance, the one that answered is found too", async () => {
  const front = record({ instance: "a", answeredBy: "b", decision: "diverted" });
  const { client, source } = world([[record({ instance: "b", answeredBy: "b" })], [front]]);
  const { found } = await findAnswer("order-4711", { client, source });
  expect(found.map(({ record: { instance, decision } }) => [instance, decision])).toEqual([
    ["a", "diverted"],
    ["b", "passed"],
  ]);
});

test("an id of a tap is looked for in the batches of its time only", async () => {
  const at = Date.parse("2026-01-02T03:04:03.000Z");
  const id = `${at.toString(16).padStart(12, "0")}-${"a".repeat(32)}`;
  const batches = filler(6);
  batches[3]?.push(record({ id, at: new Date(at).toISOString() }));
  const { client, source, read } = world(batches);
  expect((await findAnswer(id, { client, source })).found).toHaveLength(1);
  expect(read).toHaveLength(1);
});

test("a root that was logged twice is one batch; one that is missing is told", async () => {
  const { client, source, roots, texts } = world([[record({})]]);
  const [root] = roots;
  if (root) roots.push({ ...root, seq: 1 });
  expect(await findAnswer("order-4711", { client, source })).toMatchObject({ batches: 1, missing: [] });
  texts.clear();
  const search = await findAnswer("order-4711", { client, source });
  expect(search.missing).toHaveLength(1);
  expect(() => assertFound("order-4711", search, "here")).toThrow(
    expect.objectContaining({ code: "not-found" }),
  );
});

test.each<[string, (text: string) => string]>([
  ["another model", (text) => text.replace('"model":"m"', '"model":"n"')],
  ["a record less", () => ""],
  ["a record more", (text) => text + text],
  ["noise", () => "\u0000\uffff{]\n"],
])("a batch with %s is not what the log names", async (_, change) => {
  const { client, source, texts } = world([[record({})]]);
  for (const [name, text] of texts) texts.set(name, change(text));
  const search = await findAnswer("order-4711", { client, source });
  expect(search).toMatchObject({ found: [], altered: [expect.any(String)] });
  expect(() => assertFound("order-4711", search, "here")).toThrow(
    expect.objectContaining({ code: "evidence-invalid" }),
  );
});

test.each(["../../etc/passwd", "s/../../x/y.ndjson", "/etc/passwd", "s/a/2026/x\u0000.ndjson", "s/a/./x"])(
  "a name that leads elsewhere is not followed: %j",
  async (name) => {
    const given = { records: "/", region: undefined, credentials: undefined };
    const source = openBatchSource(given, undefined, { cwd: "/", env: () => undefined });
    await expect(source.get(name)).rejects.toMatchObject({ code: "evidence-invalid" });
  },
);

test("without a place to look it says what to name", () => {
  const given = { records: undefined, region: undefined, credentials: undefined };
  expect(() => openBatchSource(given, undefined, { cwd: "/", env: () => undefined })).toThrow(/--records/);
});
