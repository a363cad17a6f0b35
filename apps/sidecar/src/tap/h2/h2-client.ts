import { constants, type ServerHttp2Stream } from "node:http2";
import type { ClientSide } from "../client-side.ts";
import { requestIdHeader } from "../request-id.ts";
import type { TapCore } from "../tap-core.ts";
import { grpcStatusOf } from "./grpc.ts";
import { trailersObject } from "./h2-headers.ts";
import { resetStream } from "./reset-stream.ts";

/** `expire`: the time that the client gave has passed; it is told so, whether an answer had begun or not. */
export type H2Client = ClientSide & { expire(): void };

/** The client's side over HTTP/2: one stream. What gRPC would say of a failure is said in gRPC. */
export function h2Client(core: TapCore, stream: ServerHttp2Stream, { grpc }: { grpc: boolean }): H2Client {
  let status = 0;
  let trailers: string[] = [];
  const gone = () => stream.destroyed || stream.closed;
  stream.on("wantTrailers", () => {
    if (gone()) return;
    // Also where there are none: until they are sent the stream stays open.
    stream.sendTrailers(trailersObject(trailers));
    letGo(stream);
  });
  const respond = (headers: string[], options: { endStream?: boolean; waitForTrailers?: boolean }) => {
    try {
      stream.respond(headers, { ...options, sendDate: false } as Parameters<typeof stream.respond>[1]);
    } catch {
      // A head that HTTP/2 does not allow, such as a status of 600.
      resetStream(stream, constants.NGHTTP2_INTERNAL_ERROR);
    }
    if (options.endStream) letGo(stream);
  };
  const failed = (code: string, reason: string, message: string) => {
    const said = ["grpc-status", code, "grpc-message", message];
    if (reason !== "") said.push("locum-reason", reason);
    return said;
  };
  const end = (raw: string[]) => {
    trailers = raw;
    if (!stream.writableEnded) stream.end();
  };
  const answer = (code: string, reason: string, message: string, requestId?: string) => {
    const headers = [":status", "200", "content-type", "application/grpc", ...failed(code, reason, message)];
    headers.push(...named(requestId));
    respond([...headers, ...Object.entries(core.deps.stamp()).flat()], { endStream: true });
  };
  return {
    status: () => status,
    inform(head) {
      if (!gone() && !stream.headersSent && head.status !== 101)
        stream.additionalHeaders(trailersObject(head.rawHeaders));
    },
    head(head) {
      status = head.status;
      if (gone()) return;
      const headers = [...head.rawHeaders, ...Object.entries(core.deps.stamp()).flat()];
      if (head.endsStream) respond(headers, { endStream: true });
      else respond(headers, { waitForTrailers: true });
    },
    write: (chunk) => gone() || stream.write(chunk),
    flush() {},
    end(chunk, rawTrailers) {
      if (gone() || stream.writableEnded) return;
      trailers = rawTrailers;
      stream.end(chunk);
    },
    cut(lastWord, { resetCode }) {
      if (gone()) return;
      if (resetCode !== undefined || !grpc)
        return resetStream(stream, resetCode ?? constants.NGHTTP2_INTERNAL_ERROR);
      if (lastWord) stream.write(lastWord);
      end(failed("14", "truncated", "locum: the model server broke off"));
    },
    refuse(refused, reason, { resetCode, requestId }) {
      status = refused;
      if (gone()) return;
      // A server that goes on and ended this one stream by a code means the client to read it.
      if (resetCode !== undefined && reason === "reset") return resetStream(stream, resetCode);
      const message = `locum: no answer from the model (${reason})`;
      if (grpc) return answer(grpcStatusOf(refused), reason, message, requestId);
      const headers = [
        ":status",
        String(refused),
        "content-type",
        "application/json",
        "locum-reason",
        reason,
        ...named(requestId),
      ];
      respond([...headers, ...Object.entries(core.deps.stamp()).flat()], { waitForTrailers: true });
      stream.end(JSON.stringify({ error: message }));
    },
    expire() {
      if (gone()) return;
      if (stream.headersSent) return end(failed("4", "", "Deadline Exceeded"));
      status = 504;
      answer("4", "", "Deadline Exceeded");
    },
  };
}

const named = (requestId: string | undefined): string[] =>
  requestId === undefined ? [] : [requestIdHeader, requestId];

/**
 * The answer is out while the client still uploads: it is told to stop, without an error (RFC 9113, 8.1). Two turns
 * later, for Node sends trailers a turn after they were given, and a reset must not overtake them.
 */
function letGo(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return;
  setImmediate(() => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR)));
}
