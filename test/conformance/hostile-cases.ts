import type { ModelServer } from "@locum/serving";
import { expect, test } from "vitest";
import { codeOf } from "./code-of.ts";
import { misbehaviours, startHostileServer } from "./hostile-server.ts";

const patient = { timeoutMs: 20_000 };
const brief = { timeoutMs: 150 };

/** What an adapter does against programs that are no model server: Faults, nothing else, within its bounds. */
export function hostileCases(
  connect: (url: string, answerBytesMax: number) => ModelServer,
  request: Record<string, unknown>,
  {
    plausible = [],
    describes = true,
  }: {
    /** Misbehaviours whose answer is a good one where the protocol gives answers no form. */
    plausible?: readonly string[];
    /** False where metadata comes from the configuration, and no server is asked. */
    describes?: boolean;
  } = {},
): void {
  test("a port where nobody listens is refused", async () => {
    const { url, close } = await startHostileServer(() => undefined);
    await close();
    const server = connect(url, 1_000_000);
    expect(await server.live(patient)).toMatchObject({ ok: false, detail: "refused" });
    expect(await codeOf(server.infer("m", request, patient))).toBe("upstream-unreachable");
    server.close();
  });

  test.for(Object.keys(misbehaviours))("a program that %s gives faults, and only faults", async (name) => {
    const hostile = await startHostileServer((socket) => misbehaviours[name]?.(socket));
    const mayAnswer = plausible.includes(name);
    await onlyFaults(connect(hostile.url, 1_000_000), { request, describes, mayAnswer });
    await hostile.close();
  });

  test("random bytes, alone and behind a head of HTTP, give faults, and only faults", async () => {
    let turn = 0;
    const hostile = await startHostileServer((socket) => {
      turn++;
      const bytes = pseudoRandom(turn, 2000);
      if (turn % 2) socket.end(bytes);
      else
        socket.end(
          Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\n\r\n`), bytes]),
        );
    });
    for (let round = 0; round < 8; round++)
      await onlyFaults(connect(hostile.url, 1_000_000), { request, describes });
    await hostile.close();
  });
}

/** Every call of the port: probes never throw and may only be wrong where the answer is 200, the others throw Faults. */
async function onlyFaults(
  server: ModelServer,
  {
    request,
    describes,
    mayAnswer = false,
  }: { request: Record<string, unknown>; describes: boolean; mayAnswer?: boolean },
): Promise<void> {
  await Promise.all([server.live(brief), server.ready(undefined, brief), server.ready("m", brief)]);
  expect(await server.progress(brief)).toBe(undefined);
  const [described, inferred] = await Promise.all([
    codeOf(server.metadata("m", brief)),
    codeOf(server.infer("m", request, brief)),
    codeOf(server.models(brief).then((models) => expect(models).toSatisfy(Array.isArray))),
    codeOf(server.reload("m", brief)),
  ]);
  if (describes) expect(described).not.toBe(undefined);
  if (!mayAnswer) expect(inferred).not.toBe(undefined);
  server.close();
}

function pseudoRandom(seed: number, length: number): Buffer {
  let state = seed * 2654435761;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
}
