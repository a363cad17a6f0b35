import type { Wire, WireDefect } from "@locum/serving";

/**
 * A protocol made for tests. A whole answer that holds `NaN` is not finite. Answers of `text/event-stream` are streams
 * of `data:` events which end with `data: end`, where the same event three times in a row is a flood.
 */
export const testWire: Wire = {
  protocol: "openai",
  route: () => ({ model: undefined, repeatable: "body" }),
  look(_headers, body) {
    const text = Buffer.from(body).toString("latin1");
    return { model: /model=(\w+)/.exec(text)?.[1], repeatable: text.includes("again=yes") };
  },
  defect: (_headers, body) =>
    Buffer.from(body).includes("NaN") ? { kind: "not-finite", detail: "output y[0]" } : undefined,
  stream: (headers) => (headers["content-type"] === "text/event-stream" ? eventReader() : undefined),
};

function eventReader() {
  let rest = "";
  let items = 0;
  let last = "";
  let inARow = 0;
  const take = (event: string): WireDefect | undefined => {
    if (!event.startsWith("data: ")) return undefined;
    items += 1;
    inARow = event === last ? inARow + 1 : 1;
    last = event;
    return inARow === 3 ? { kind: "flood", detail: "one event again and again" } : undefined;
  };
  return {
    push(piece: Uint8Array) {
      const events = (rest + Buffer.from(piece).toString("latin1")).split("\n\n");
      // What has no end in sight is forgotten.
      rest = (events.pop() ?? "").slice(-1_000);
      return events.map(take).find((it) => it !== undefined);
    },
    end: (): WireDefect | undefined =>
      last === "data: end" ? undefined : { kind: "truncated", detail: "no last event" },
    items: () => items,
    cut: () => (last === "data: end" ? undefined : Buffer.from("data: error\n\n")),
  };
}
