import { Fault } from "../fault.ts";
import type { Transport } from "./client-request.ts";
import { eventStream } from "./event-stream.ts";
import type { StreamEvent } from "./evidence-routes.ts";

type Follow = { service?: string; after?: number; signal?: AbortSignal; triesMax?: number; pauseMs?: number };

/**
 * Follows /v1/events. A broken stream is opened again after the last audit event that was seen, so none is missed and
 * none comes twice. Ends when the signal aborts; throws when the collector refuses, or is away for `triesMax` tries.
 */
export async function* followEvents(
  { stream }: Transport,
  { service, after, signal, triesMax = 10, pauseMs = 500 }: Follow,
): AsyncGenerator<StreamEvent> {
  let last = after;
  let tries = 0;
  while (!signal?.aborted) {
    try {
      const resume: Record<string, string> = last === undefined ? {} : { "last-event-id": String(last) };
      const answer = await stream("/v1/events", { service }, resume, signal);
      tries = 0;
      for await (const { id, data } of eventStream(answer.body ?? emptyBody())) {
        if (id !== null) last = Number(id);
        yield JSON.parse(data) as StreamEvent;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof Fault && error.retry === "never") throw error;
      tries += 1;
      if (tries >= triesMax) throw error;
    }
    if (!signal?.aborted) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
