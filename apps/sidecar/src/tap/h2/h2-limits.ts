import type { SecureServerSessionOptions, ServerOptions, SessionOptions } from "node:http2";
import type { TapLimits } from "../tap-limits.ts";

const mib = 1024 * 1024;

/**
 * Windows as measured: smaller ones make a message of 600 KB wait for the other side's leave. A stream's alone would
 * not do, for all streams share the session's.
 */
export const streamWindowBytes = 8 * mib;
export const sessionWindowBytes = 16 * mib;

/** So many clients may each make us hold a whole window; the rest get less, so that memory ends somewhere. */
export const wideSessionsMax = 64;
export const narrowWindowBytes = 1 * mib;

export const streamsMax = 1_024;

/** Control frames that a client may send within ten seconds. One that keeps its connection alive sends one or two. */
export const controlFramesMax = 1_000;
export const controlWindowMs = 10_000;

/** A client's session without a stream is asked to go. Clients of gRPC open another when they need it. */
export const idleClientMs = 600_000;

const shared = ({ maxHeaderSize }: TapLimits): SessionOptions & SecureServerSessionOptions => ({
  // Who can, sends a large tensor in a quarter of the frames.
  settings: { initialWindowSize: streamWindowBytes, maxFrameSize: 65_536, maxHeaderListSize: maxHeaderSize },
  maxHeaderListPairs: 2_000,
  maxSendHeaderBlockLength: 4 * maxHeaderSize,
  // What a server writes twice goes through twice.
  strictSingleValueFields: false,
});

export function serverOptions(limits: TapLimits): ServerOptions {
  const { settings, ...options } = shared(limits);
  return {
    ...options,
    settings: { ...settings, maxConcurrentStreams: streamsMax },
    // In MB, of one client: its two windows and what it is slow to take. Beyond it new streams are refused.
    maxSessionMemory: 64,
    // Empty DATA frames count too. A client that is only unlucky has a few.
    maxSessionInvalidFrames: 100,
    // A client that has not heard of the number of streams yet may well open more.
    maxSessionRejectedStreams: 1_000,
    maxSettings: 32,
  };
}

export function clientOptions(limits: TapLimits) {
  const { settings, ...options } = shared(limits);
  return {
    ...options,
    settings: { ...settings, enablePush: false },
    // Bounded by what is kept of all requests together; here it would refuse the streams of others.
    maxSessionMemory: 1_024,
    maxReservedRemoteStreams: 0,
    peerMaxConcurrentStreams: 100,
  };
}
