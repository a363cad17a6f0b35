/** What all requests together may keep. One per tap. */
export type KeptPool = { bytes: number; readonly limitBytes: number };

/** The part of a request body that came so far, kept for a second sending while it is whole. */
export type KeptBody = { chunks: Buffer[]; bytes: number; charged: number; whole: boolean };

export function createKeptPool(limitBytes: number): KeptPool {
  return { bytes: 0, limitBytes };
}

/** `declaredBytes` is the Content-Length: nothing is kept of a body that is known to be too large. */
export function createKeptBody(declaredBytes: number | undefined, limitBytes: number): KeptBody {
  return {
    chunks: [],
    bytes: 0,
    charged: 0,
    whole: declaredBytes === undefined || declaredBytes <= limitBytes,
  };
}

/** Whether this piece has room too. */
export function mayKeep(body: KeptBody, pool: KeptPool, chunk: Buffer, limitBytes: number): boolean {
  const tooMuch = body.bytes + chunk.length > limitBytes || body.chunks.length >= chunksMax;
  return body.whole && !tooMuch && pool.bytes + chunk.length + chunkCostBytes <= pool.limitBytes;
}

export function keepChunk(body: KeptBody, pool: KeptPool, chunk: Buffer, limitBytes: number): void {
  if (!body.whole) return;
  if (!mayKeep(body, pool, chunk, limitBytes)) return releaseBody(body, pool);
  const charge = chunk.length + chunkCostBytes;
  body.chunks.push(chunk);
  body.bytes += chunk.length;
  body.charged += charge;
  pool.bytes += charge;
}

/** Gives the memory back. What came can then not be sent again. */
export function releaseBody(body: KeptBody, pool: KeptPool): void {
  pool.bytes -= body.charged;
  body.charged = 0;
  body.bytes = 0;
  body.chunks = [];
  body.whole = false;
}

// A body sent one byte a chunk costs its Buffer objects, not its bytes: they are charged, and their number ends.
const chunkCostBytes = 128;
const chunksMax = 16_384;
