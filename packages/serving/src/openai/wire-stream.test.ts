import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WireDefect } from "../wire.ts";
import { openaiWire } from "./wire.ts";

const headers = { "content-type": "text/event-stream; charset=utf-8" };
const open = (model?: string) => {
  const stream = openaiWire.stream?.(headers, { model });
  if (!stream) throw new Error("no reader");
  return stream;
};
const event = (value: unknown): string =>
  `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
const chunk = (content: string | null, finish: string | null = null, more: object = {}) =>
  event({
    id: "c",
    object: "chat.completion.chunk",
    model: "m",
    choices: [{ index: 0, delta: content === null ? {} : { content }, finish_reason: finish }],
    ...more,
  });
const done = event("[DONE]");
const good = `${chunk("Hel")}: keep-alive\r\n\r\n${chunk("lö 🐋.")}${chunk(null, "stop")}${event({ choices: [], usage: { completion_tokens: 3 } })}${done}`;

/** Findings of a whole stream in pieces, with the number of items. */
function read(
  text: string | Buffer,
  cuts: readonly number[] = [],
  model = "m",
): { found: WireDefect[]; items: number } {
  const stream = open(model);
  const body = Buffer.from(text);
  const found: (WireDefect | undefined)[] = [];
  let from = 0;
  for (const to of [...cuts].sort((a, b) => a - b)) {
    found.push(stream.push(body.subarray(from, Math.max(from, to))));
    from = Math.max(from, to);
  }
  found.push(stream.push(body.subarray(from)), stream.end());
  return { found: found.flatMap((one) => one ?? []), items: stream.items() };
}

describe("a streamed answer", () => {
  test("is whole, and its pieces are counted", () => {
    expect(read(good)).toEqual({ found: [], items: 3 });
  });

  test("may do without the closing mark where every choice has ended", () => {
    expect(read(good.replace(done, "")).found).toEqual([]);
  });

  test("of the responses API has events by name and an end of its own", () => {
    const named = (type: string, more: object = {}) => `event: ${type}\n${event({ type, ...more })}`;
    const start = named("response.created", {
      response: { object: "response", model: "m", status: "in_progress", output: [] },
    });
    const text = named("response.output_text.delta", { delta: "hi" });
    const end = named("response.completed", {
      response: { object: "response", model: "m", status: "completed", output: [] },
    });
    expect(read(start + text + end).found).toEqual([]);
    expect(read(start + text).found).toEqual([expect.objectContaining({ kind: "truncated" })]);
  });

  test.for<[string, string | Buffer, string]>([
    ["ends in the middle", chunk("Hel"), "truncated"],
    ["is closed as if whole, though no choice has ended", chunk("Hel") + done, "truncated"],
    ["ends inside an event", `${chunk("Hel")}data: {"choices":[{"ind`, "truncated"],
    ["holds nothing", "", "truncated"],
    ["holds half an event", `${chunk("Hel")}data: {"choices":\n\n${chunk(null, "stop")}`, "malformed"],
    [
      "is no UTF-8",
      Buffer.concat([Buffer.from(chunk("Hel")), Buffer.from([0x64, 0xff, 0xfe, 0x0a])]),
      "malformed",
    ],
    ["changes its model", chunk("a") + chunk("b", "stop", { model: "other" }), "wrong-model"],
    ["tells an error", chunk("a") + event({ error: { message: "engine died", code: 500 } }), "status-5xx"],
    [
      "says NaN",
      event('{"choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[NaN]}}]}'),
      "not-finite",
    ],
    [
      "has tokens without text",
      Array(40).fill(chunk("")).join("") + chunk(null, "length", { usage: { completion_tokens: 40 } }) + done,
      "empty",
    ],
    ["is a page", "<!doctype html><p>no stream</p>", "truncated"],
  ])("%s", ([, text, kind]) => {
    expect(read(text).found).toEqual([expect.objectContaining({ kind })]);
  });

  test("that floods is found while it runs, and told once", () => {
    const stream = open("m");
    const told = Array.from({ length: 400 }, () => stream.push(Buffer.from(chunk("!"))));
    const at = told.findIndex((one) => one !== undefined);
    expect(at).toBe(127);
    expect(told.filter((one) => one !== undefined)).toEqual([expect.objectContaining({ kind: "flood" })]);
    expect(stream.end()).toBeUndefined();
    expect(stream.items(), "work goes on to be counted").toBe(400);
  });

  test("keeps a bounded part of a line without end", () => {
    const stream = open("m");
    const piece = Buffer.alloc(1024 * 1024, "x");
    stream.push(Buffer.from("data: "));
    const told = Array.from({ length: 64 }, () => stream.push(piece)).filter((one) => one !== undefined);
    expect(told).toEqual([
      expect.objectContaining({ kind: "malformed", detail: expect.stringContaining("characters") }),
    ]);
    expect(process.memoryUsage().external).toBeLessThan(512 * 1024 * 1024);
  });

  test("is read alike in any pieces", () => {
    const broken = good.replace('"content":"lö', '"content":lö');
    const text = fc.constantFrom(
      good,
      broken,
      good.replaceAll("\n", "\r\n"),
      chunk("!").repeat(200),
      good.slice(0, -40),
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(400), { maxLength: 40 }), (body, cuts) => {
        expect(read(body, cuts)).toEqual(read(body));
      }),
    );
  });

  test("of any bytes gives findings, and never an exception", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
        const stream = open();
        for (const piece of pieces) stream.push(piece);
        stream.end();
        stream.cut();
      }),
    );
  });

  test("that is compressed is left alone, as is an answer that is none", () => {
    expect(openaiWire.stream?.({ ...headers, "content-encoding": "gzip" })).toBeUndefined();
    expect(openaiWire.stream?.({ "content-type": "application/json" })).toBeUndefined();
  });
});

describe("a stream that breaks off", () => {
  const events = (text: string) => text.split(/\n\n/).filter((one) => one.startsWith("data: "));
  test.for<[string, string]>([
    ["between events", chunk("Hel")],
    ["behind a line", chunk("Hel").slice(0, -1)],
    ["inside a line", chunk("Hel").slice(0, -9)],
    ["before anything came", ""],
  ])("%s ends with an error of the API, and never as whole", ([, text]) => {
    const stream = open("m");
    stream.push(Buffer.from(text));
    const whole = text + Buffer.from(stream.cut() ?? []).toString();
    const last = events(whole).at(-1) ?? "";
    expect(JSON.parse(last.slice(6))).toMatchObject({
      error: { type: "server_error", message: expect.any(String) },
    });
    expect(whole).not.toContain("[DONE]");
    expect(whole.endsWith("\n\n")).toBe(true);
  });

  test("gets nothing more where the answer was complete", () => {
    const stream = open("m");
    stream.push(Buffer.from(good));
    expect(stream.cut()).toBeUndefined();
  });
});
