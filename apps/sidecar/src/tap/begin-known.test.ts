import type { ServerDuplexStream } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import type { TapDeps } from "./tap-deps.ts";
import type { TargetChoice } from "./target.ts";
import { answerWith, closeFleets, json, startFleet, statusOf, target } from "./testing/fleet.ts";
import { closeGrpcFleets, startGrpcFleet } from "./testing/grpc-fleet.ts";
import { chat, grpcTarget } from "./testing/grpc-rig.ts";
import { rawClient } from "./testing/raw-client.ts";
import { testWire } from "./testing/test-wire.ts";

afterEach(closeFleets);
afterEach(closeGrpcFleets);

const classify = () => ({ kind: "infer", wire: testWire, model: undefined, idempotent: "body" }) as const;
const says = (who: string) => answerWith(json("200 OK", `"${who}"`));

/** A tap whose own server a is wrong about the model `bad`, which b is fit for. */
async function startParted(deps: Partial<TapDeps> = {}) {
  let choose: NonNullable<TapDeps["route"]> = () => ({ own: undefined, others: [] });
  const fleet = await startFleet([says("a"), says("b")], {
    classify,
    needsModel: () => true,
    route: (wanted) => choose(wanted),
    ...deps,
  });
  const [a, b] = fleet.upstreams.map((it, i) => target("ab".charAt(i), it));
  const others = b ? [b] : [];
  choose = (wanted): TargetChoice => ({ own: wanted?.model === "bad" ? undefined : a, others });
  return fleet;
}
const head = (length: number) =>
  `POST /infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;

/** Sends the pieces one after the other, each when the one before has arrived at the tap. */
async function send(port: number, length: number, pieces: string[]) {
  const client = rawClient(port, head(length));
  for (const piece of pieces) {
    await new Promise(setImmediate);
    client.socket.write(piece);
  }
  const { bytes } = await client.ended;
  return { status: statusOf(bytes), text: bytes.toString("latin1") };
}

test.each<[name: string, pieces: string[], deps: Partial<TapDeps>, counts: number[]]>([
  ["the wrong model leaves", ["model=bad ", "again=yes"], {}, [0, 1]],
  ["the right one stays", ["model=good ", "again=yes"], {}, [1, 0]],
  ["one that names none is the server's", ["x=1"], {}, [1, 0]],
  ["nothing is waited for while all models are right", ["model=bad"], { needsModel: () => false }, [1, 0]],
  [
    "a body that is more than may be read is not waited for, and arrives whole",
    ["model=bad ", "x".repeat(64)],
    { limits: { bodyInspectedBytes: 32 } },
    [1, 0],
  ],
  [
    "nor one that is more than may be kept",
    ["model=bad ", "x".repeat(64)],
    { limits: { bodyKeptBytes: 70, allBodiesKeptBytes: 150 } },
    [1, 0],
  ],
])("%s", async (_name, pieces, deps, counts) => {
  const fleet = await startParted(deps);
  const body = pieces.join("");
  const { status } = await send(fleet.tap.port, body.length, pieces);
  expect([status, fleet.counts()]).toEqual(["200", counts]);
  const arrived = fleet.upstreams
    .flatMap(({ requests }) => requests)
    .map((one) => one.body.toString("latin1"));
  expect(arrived).toEqual([body]);
});

test("a client that leaves while its model is not known yet reaches nobody", async () => {
  const fleet = await startParted();
  const client = rawClient(fleet.tap.port, `${head(100)}model=`);
  await expect.poll(() => fleet.tap.tap.inflight()).toBe(1);
  client.socket.destroy();
  await expect.poll(() => fleet.tap.tap.inflight()).toBe(0);
  const { status } = await send(fleet.tap.port, 10, ["model=good"]);
  expect([status, fleet.counts()]).toEqual(["200", [1, 0]]);
});

test("a body that does not end goes on after a moment, without its model", async () => {
  const fleet = await startParted();
  const client = rawClient(fleet.tap.port, `${head(20)}model=bad `);
  await expect.poll(() => fleet.upstreams[0]?.connections()).toBe(1);
  client.socket.write("again=yes.");
  expect(statusOf((await client.ended).bytes)).toBe("200");
});

test("a gRPC stream is parted by its first message, while its client waits for an answer to it", async () => {
  const echo = (who: string) => (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on("data", (message: Buffer) => call.write(Buffer.from(`${who} ${message}`)));
    call.on("end", () => call.end());
  };
  const wire = { ...testWire, protocol: "oip-v2-grpc" } as const;
  let choose: NonNullable<TapDeps["route"]> = () => ({ own: undefined, others: [] });
  const { servers, client } = await startGrpcFleet([{ chat: echo("a") }, { chat: echo("b") }], {
    classify: () => ({ kind: "infer", wire, model: undefined, idempotent: "body" }),
    needsModel: () => true,
    route: (wanted) => choose(wanted),
  });
  const [a, b] = servers.map((it, i) => grpcTarget("ab".charAt(i), it));
  choose = (wanted) => ({ own: wanted?.model === "bad" ? undefined : a, others: b ? [b] : [] });
  const answers: string[] = [];
  for (const model of ["good", "bad"]) {
    const call = chat(client);
    answers.push(
      await new Promise<string>((resolve, reject) => {
        call.on("data", (message: Buffer) => resolve(message.toString()));
        call.on("error", reject);
        call.write(Buffer.from(`model=${model}`));
      }),
    );
    call.end();
  }
  expect(answers).toEqual(["a model=good", "b model=bad"]);
});
