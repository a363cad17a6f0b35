import type { TapDeps } from "../tap-deps.ts";
import type { Target } from "../target.ts";
import { type RawRequest, type RawUpstream, startRawUpstream } from "./raw-upstream.ts";
import { type StartedTap, startTap } from "./start-tap.ts";

/** What a server does with a request. */
export type Fault = (request: RawRequest) => void;

export const answerWith =
  (text: string): Fault =>
  ({ socket }) =>
    void socket.write(text, "latin1");
export const json = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
export const good = answerWith(json("200 OK", '{"y":1}'));
export const bad500 = answerWith(json("500 Oh", '{"error":"a"}'));
export const bad503 = answerWith(json("503 Busy", '{"error":"b"}'));
export const notFinite = answerWith(json("200 OK", '{"y":NaN}'));
export const resetAtOnce: Fault = ({ socket }) => void socket.resetAndDestroy();
export const resetInHead: Fault = ({ socket }) =>
  void socket.write("HTTP/1.1 200 OK\r\nContent-", () => socket.destroy());
export const garbage = answerWith("SSH-2.0-OpenSSH_9.2\r\n\r\n");
export const truncated: Fault = ({ socket }) =>
  void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{", () => socket.destroy());
export const hang: Fault = () => {};

export const target = (id: string, upstream: { url: string }, hop: Target["hop"] = "model"): Target => ({
  id,
  url: upstream.url,
  hop,
});

/** A tap before servers a (its own), b, c, each with its fault. `closeFleets` ends them. */
export async function startFleet(
  faults: Fault[],
  deps: Partial<TapDeps> = {},
): Promise<{ tap: StartedTap; upstreams: RawUpstream[]; counts: () => number[] }> {
  const upstreams: RawUpstream[] = [];
  for (const fault of faults) upstreams.push(await startRawUpstream(fault));
  const [own, ...others] = upstreams.map((it, i) => target("abc"[i] ?? "?", it));
  const tap = await startTap({ own, others }, deps);
  running.push(...upstreams, tap);
  return { tap, upstreams, counts: () => upstreams.map((it) => it.requests.length) };
}

export async function deadTarget(id: string): Promise<Target> {
  const gone = await startRawUpstream(() => {});
  await gone.close();
  return target(id, gone);
}

export const infer = (body = '{"x":1}') =>
  `POST /infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
export const unsafe = (body = "{}") =>
  `POST /generate HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
export const statusOf = (bytes: Buffer) => /^HTTP\/1.1 (\d+)/.exec(bytes.toString("latin1"))?.[1];

/** After each test: ends all that `startFleet` started, the taps first. */
export async function closeFleets(): Promise<void> {
  for (const part of running.splice(0).reverse()) await part.close();
}

const running: { close(): Promise<void> }[] = [];
