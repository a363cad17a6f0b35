import fc from "fast-check";
import { expect, test } from "vitest";
import { createKeptBody, createKeptPool, keepChunk, releaseBody } from "./kept-body.ts";

test("the pool is exactly what whole bodies are charged, never beyond its limit, and empty when all are released", () => {
  const act = fc.record({ body: fc.nat(4), bytes: fc.integer({ min: 1, max: 400 }), release: fc.boolean() });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const pool = createKeptPool(3_000);
      const bodies = Array.from({ length: 5 }, () => createKeptBody(undefined, 1_000));
      for (const { body: index, bytes, release } of acts) {
        const body = bodies[index];
        if (!body) continue;
        if (release) releaseBody(body, pool);
        else keepChunk(body, pool, Buffer.alloc(bytes), 1_000);
        expect(pool.bytes).toBe(bodies.reduce((sum, it) => sum + it.charged, 0));
        expect(pool.bytes).toBeLessThanOrEqual(3_000);
        expect(body.bytes).toBeLessThanOrEqual(1_000);
        expect(body.chunks.reduce((sum, it) => sum + it.length, 0)).toBe(body.bytes);
      }
      for (const body of bodies) releaseBody(body, pool);
      expect(pool.bytes).toBe(0);
    }),
  );
});

test("nothing is kept of a body that is declared too large", () => {
  const pool = createKeptPool(1_000_000);
  const body = createKeptBody(10_000_000_000, 1_000);
  keepChunk(body, pool, Buffer.alloc(10), 1_000);
  expect(body).toMatchObject({ whole: false, chunks: [] });
  expect(pool.bytes).toBe(0);
});

test("a body of very many tiny chunks is given up rather than kept", () => {
  const pool = createKeptPool(100_000_000);
  const body = createKeptBody(undefined, 8_000_000);
  for (let i = 0; i < 20_000; i += 1) keepChunk(body, pool, Buffer.alloc(1), 8_000_000);
  expect(body.whole).toBe(false);
  expect(pool.bytes).toBe(0);
});
