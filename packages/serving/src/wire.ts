import type { IncomingHttpHeaders } from "node:http";
import type { HttpJson, Probe, Protocol } from "@locum/contracts";
import type { Headers } from "./http/exchange.ts";
import { httpJsonWire } from "./http-json/wire.ts";
import { kserveV1Wire } from "./kserve-v1/wire.ts";
import { oipV2GrpcWires } from "./oip-v2-grpc/wire.ts";
import { oipV2RestWire } from "./oip-v2-rest/wire.ts";
import { openaiWire } from "./openai/wire.ts";
import { torchserveWire } from "./torchserve/wire.ts";

export type WireRequest = { method: string; path: string; headers: IncomingHttpHeaders };

/**
 * What a request's head says of an inference. `model` is undefined where only the body names it. `repeatable`: whether
 * executing it twice does no harm; `body` where only `look` can say so.
 */
export type WireRoute = { model: string | undefined; repeatable: boolean | "body" };
export type WireLook = { model: string | undefined; repeatable: boolean };
/**
 * What is known of the request that an answer belongs to. `model` only where the server itself lists the requested
 * name: then an answer under another name is a finding. Under an alias servers answer with names of their own.
 */
export type WireAsked = { model: string | undefined };
export type WireDefect = { kind: Extract<Probe, { kind: "output" }>["finding"]; detail: string };

/** An answer that comes in pieces, read beside its way to the client. Each call does work bounded by its piece. */
export interface WireStream {
  push(piece: Uint8Array): WireDefect | undefined;
  /** All has come, and the transport says that it is whole. */
  end(): WireDefect | undefined;
  /** Tokens, events or messages until now. */
  items(): number;
  /**
   * The server broke off: what still goes to the client, so that it reads the protocol's own error and never a whole
   * answer. Undefined where a cut connection says it already.
   */
  cut(): Uint8Array | undefined;
}

/**
 * What the tap must know of one protocol to look at traffic that passes: pure, synchronous, and nothing throws. What
 * cannot be read is no defect; it is for the client and for the goldens to judge.
 */
export interface Wire {
  readonly protocol: Protocol;
  /** Undefined where the request is no inference of this protocol. */
  route(request: WireRequest): WireRoute | undefined;
  /** The whole body of a request whose route says `body`. */
  look?(headers: IncomingHttpHeaders, body: Uint8Array): WireLook;
  /** What is wrong with a complete 2xx answer. */
  defect(headers: Headers, body: Uint8Array, asked?: WireAsked): WireDefect | undefined;
  /** A reader for a 2xx answer, where its headers say that it is a stream. */
  stream?(headers: Headers, asked?: WireAsked): WireStream | undefined;
}

export type WireOf = (request: WireRequest) => { wire: Wire; route: WireRoute } | undefined;

/**
 * Which protocol a request speaks is read from the request: one server may speak several on one port. The paths of a
 * server of no known protocol come from its configuration, and what that says of them goes first.
 */
export function openWires({ httpJson }: { httpJson?: HttpJson | undefined } = {}): WireOf {
  const wires = httpJson ? [httpJsonWire(httpJson), ...known] : known;
  return (request) => {
    for (const wire of wires) {
      const route = wire.route(request);
      if (route) return { wire, route };
    }
    return undefined;
  };
}

const known: readonly Wire[] = [oipV2RestWire, ...oipV2GrpcWires, openaiWire, kserveV1Wire, torchserveWire];
