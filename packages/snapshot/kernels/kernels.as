// The loops over bytes of LSR/1, in AssemblyScript: SIMD where it pays, and no memory but what the caller lays out
// (src/lsr/kernels/kernels.ts says where). Each has a slow twin in TypeScript that a property test holds it to.
// Reads go up to 16 bytes beyond a range, writes up to 8: the caller keeps that much slack.

/** Width 2. Rotating left by one bit moves the sign of a bf16 to the end, so that the exponent fills the high byte. */
export function split2(src: usize, count: i32, high: usize, low: usize, rotated: bool): void {
  const whole = count & ~15;
  const mask = i16x8.splat(0xff);
  for (let i = 0; i < whole; i += 16) {
    let a = v128.load(src + 2 * i);
    let b = v128.load(src + 2 * i, 16);
    if (rotated) {
      a = v128.or(i16x8.shl(a, 1), i16x8.shr_u(a, 15));
      b = v128.or(i16x8.shl(b, 1), i16x8.shr_u(b, 15));
    }
    v128.store(low + i, i8x16.narrow_i16x8_u(v128.and(a, mask), v128.and(b, mask)));
    v128.store(high + i, i8x16.narrow_i16x8_u(i16x8.shr_u(a, 8), i16x8.shr_u(b, 8)));
  }
  for (let i = whole; i < count; i++) {
    let value = <u32>load<u16>(src + 2 * i);
    if (rotated) value = (value << 1) | (value >> 15);
    store<u8>(low + i, value);
    store<u8>(high + i, value >> 8);
  }
}

export function merge2(high: usize, low: usize, count: i32, dst: usize, rotated: bool): void {
  const whole = count & ~15;
  for (let i = 0; i < whole; i += 16) {
    const h = v128.load(high + i);
    const l = v128.load(low + i);
    let a = i8x16.shuffle(l, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let b = i8x16.shuffle(l, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    if (rotated) {
      a = v128.or(i16x8.shr_u(a, 1), i16x8.shl(a, 15));
      b = v128.or(i16x8.shr_u(b, 1), i16x8.shl(b, 15));
    }
    v128.store(dst + 2 * i, a);
    v128.store(dst + 2 * i, b, 16);
  }
  for (let i = whole; i < count; i++) {
    let value = (<u32>load<u8>(high + i) << 8) | load<u8>(low + i);
    if (rotated) value = (value >> 1) | (value << 15);
    store<u16>(dst + 2 * i, value);
  }
}

/** Width 4; plane p is at `planes + p * stride`, the most significant first. */
export function split4(src: usize, count: i32, planes: usize, stride: i32, rotated: bool): void {
  const whole = count & ~15;
  for (let i = 0; i < whole; i += 16) {
    const at = src + 4 * i;
    const a = bytesOf(v128.load(at), rotated);
    const b = bytesOf(v128.load(at, 16), rotated);
    const c = bytesOf(v128.load(at, 32), rotated);
    const d = bytesOf(v128.load(at, 48), rotated);
    // Rows of four bytes a plane; a transposition of 4 x 4 lanes puts the planes together.
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const ab2 = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const cd2 = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(planes + i, i32x4.shuffle(ab, cd, 0, 1, 4, 5));
    v128.store(planes + stride + i, i32x4.shuffle(ab, cd, 2, 3, 6, 7));
    v128.store(planes + 2 * stride + i, i32x4.shuffle(ab2, cd2, 0, 1, 4, 5));
    v128.store(planes + 3 * stride + i, i32x4.shuffle(ab2, cd2, 2, 3, 6, 7));
  }
  for (let i = whole; i < count; i++) {
    let value = load<u32>(src + 4 * i);
    if (rotated) value = rotl<u32>(value, 1);
    for (let p = 0; p < 4; p++) store<u8>(planes + p * stride + i, value >> (24 - 8 * p));
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function bytesOf(elements: v128, rotated: bool): v128 {
  const turned = rotated ? v128.or(i32x4.shl(elements, 1), i32x4.shr_u(elements, 31)) : elements;
  return i8x16.shuffle(turned, turned, 3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12);
}

export function merge4(planes: usize, stride: i32, count: i32, dst: usize, rotated: bool): void {
  const whole = count & ~15;
  for (let i = 0; i < whole; i += 16) {
    const p0 = v128.load(planes + i);
    const p1 = v128.load(planes + stride + i);
    const p2 = v128.load(planes + 2 * stride + i);
    const p3 = v128.load(planes + 3 * stride + i);
    const low = i8x16.shuffle(p3, p2, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const low2 = i8x16.shuffle(p3, p2, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const high = i8x16.shuffle(p1, p0, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high2 = i8x16.shuffle(p1, p0, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const at = dst + 4 * i;
    v128.store(at, elementsOf(i16x8.shuffle(low, high, 0, 8, 1, 9, 2, 10, 3, 11), rotated));
    v128.store(at, elementsOf(i16x8.shuffle(low, high, 4, 12, 5, 13, 6, 14, 7, 15), rotated), 16);
    v128.store(at, elementsOf(i16x8.shuffle(low2, high2, 0, 8, 1, 9, 2, 10, 3, 11), rotated), 32);
    v128.store(at, elementsOf(i16x8.shuffle(low2, high2, 4, 12, 5, 13, 6, 14, 7, 15), rotated), 48);
  }
  for (let i = whole; i < count; i++) {
    let value: u32 = 0;
    for (let p = 0; p < 4; p++) value = (value << 8) | load<u8>(planes + p * stride + i);
    store<u32>(dst + 4 * i, rotated ? rotr<u32>(value, 1) : value);
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function elementsOf(turned: v128, rotated: bool): v128 {
  return rotated ? v128.or(i32x4.shr_u(turned, 1), i32x4.shl(turned, 31)) : turned;
}

/** How often each byte occurs, every `step`-th looked at. Four tables, so that equal neighbours do not wait for each other. */
export function count256(src: usize, length: i32, step: i32, counts: usize): void {
  memory.fill(counts, 0, 4096);
  let i = 0;
  for (const end = length - 4 * step; i < end; i += 4 * step) {
    bump(counts, load<u8>(src + i));
    bump(counts + 1024, load<u8>(src + i + step));
    bump(counts + 2048, load<u8>(src + i + 2 * step));
    bump(counts + 3072, load<u8>(src + i + 3 * step));
  }
  for (; i < length; i += step) bump(counts, load<u8>(src + i));
  for (let n = 0; n < 1024; n += 16) {
    const a = i32x4.add(v128.load(counts + n), v128.load(counts + n + 1024));
    const b = i32x4.add(v128.load(counts + n + 2048), v128.load(counts + n + 3072));
    v128.store(counts + n, i32x4.add(a, b));
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function bump(counts: usize, symbol: u32): void {
  const at = counts + 4 * symbol;
  store<u32>(at, load<u32>(at) + 1);
}

/** The smallest byte | the largest << 8. `length` is 16 or more; `scratch` has 32 bytes. */
export function range256(src: usize, length: i32, scratch: usize): u32 {
  let lows = v128.load(src);
  let highs = lows;
  for (let i = 16; i < length; i += 16) {
    // The last vector overlaps the one before it.
    const bytes = v128.load(src + min(i, length - 16));
    lows = i8x16.min_u(lows, bytes);
    highs = i8x16.max_u(highs, bytes);
  }
  v128.store(scratch, lows);
  v128.store(scratch, highs, 16);
  let low: u32 = 255;
  let high: u32 = 0;
  for (let lane = 0; lane < 16; lane++) {
    low = min(low, <u32>load<u8>(scratch + lane));
    high = max(high, <u32>load<u8>(scratch + lane, 16));
  }
  return low | (high << 8);
}

/**
 * Two codes as one, of every two symbols that have any: code | length << 24, at the two symbols as they lie in memory.
 * `codes` has code | length << 16 a symbol; what `pairs` has of other symbols stays as it was.
 */
export function pairCodes(codes: usize, pairs: usize): void {
  for (let second: u32 = 0; second < 256; second++) {
    const after = load<u32>(codes + (second << 2));
    if (after === 0) continue;
    for (let first: u32 = 0; first < 256; first++) {
      const entry = load<u32>(codes + (first << 2));
      if (entry === 0) continue;
      const length = entry >> 16;
      const code = (entry & 0xffff) | ((after & 0xffff) << length);
      store<u32>(pairs + (((second << 8) | first) << 2), code | ((length + (after >> 16)) << 24));
    }
  }
}

/** One Huffman stream, by `codes` and the `pairs` of them. Four codes are at most 48 bits. Returns its end. */
export function encodeStream(src: usize, length: i32, codes: usize, pairs: usize, dst: usize): usize {
  const end = src + length;
  let held: u64 = 0;
  let bits: u64 = 0;
  for (const whole = end - (length & 3); src < whole; src += 4) {
    const quad = load<u32>(src);
    const a = load<u32>(pairs + ((quad & 0xffff) << 2));
    const b = load<u32>(pairs + ((quad >> 16) << 2));
    // Joined first, so that the next four wait for one shift only.
    held |= (<u64>(a & 0xffffff) | (<u64>(b & 0xffffff) << (a >> 24))) << bits;
    bits += (a >> 24) + (b >> 24);
    store<u64>(dst, held);
    dst += <usize>(bits >> 3);
    held >>= bits & ~7;
    bits &= 7;
  }
  for (; src < end; src++) {
    const entry = load<u32>(codes + (<usize>load<u8>(src) << 2));
    held |= <u64>(entry & 0xffff) << bits;
    bits += entry >> 16;
  }
  for (; bits > 0; bits = bits > 8 ? bits - 8 : 0, held >>= 8) store<u8>(dst++, held);
  return dst;
}

/**
 * For every 12 bits that may come next: up to four symbols (8 bits each), from bit 32 how many, from bit 40 how many bits
 * they take. `codes` as for encodeStream, of a complete code of two symbols or more.
 */
export function buildDecodeTable(codes: usize, single: usize, table: usize): void {
  for (let symbol: u32 = 0; symbol < 256; symbol++) {
    const entry = load<u32>(codes + (symbol << 2));
    const length = entry >> 16;
    if (length === 0) continue;
    for (let place = entry & 0xffff; place < 4096; place += 1 << length)
      store<u16>(single + (place << 1), (symbol << 4) | length);
  }
  for (let bits: u32 = 0; bits < 4096; bits++) {
    let symbols: u64 = 0;
    let count: u32 = 0;
    let used: u32 = 0;
    while (count < 4) {
      const entry = <u32>load<u16>(single + ((bits >> used) << 1));
      const length = entry & 15;
      // What was shifted in above the 12 bits is none of the stream's.
      if (used + length > 12) break;
      symbols |= <u64>(entry >> 4) << (8 * count++);
      used += length;
    }
    store<u64>(table + (bits << 3), symbols | (<u64>count << 32) | (<u64>used << 40));
  }
}

/**
 * One Huffman stream of `length` bytes into the symbols from `dst` to `end`, from `bit` on; the last of them, one by one.
 * False where it is not exactly its symbols and zeros up to its last byte.
 */
function decodeRest(src: usize, length: u32, bit: u64, dst: usize, end: usize, single: usize): bool {
  for (; dst < end; dst++) {
    const next = load<u64>(src + <usize>(bit >> 3)) >> (bit & 7);
    const entry = <u32>load<u16>(single + ((<usize>next & 4095) << 1));
    store<u8>(dst, entry >> 4);
    bit += entry & 15;
  }
  if (<u32>((bit + 7) >> 3) !== length) return false;
  return (bit & 7) === 0 || load<u8>(src + <usize>(bit >> 3)) >> <u8>(bit & 7) === 0;
}

/**
 * Four streams that lie one after another from `src`, their lengths at `lengths` (u32 each), into `count` symbols at
 * `dst`. One look gives up to four symbols, and four chains of looks run side by side. Wrong streams read up to
 * 3 / 8 of `count` bytes beyond their end, which is the caller's to have.
 */
export function decodeStreams(src: usize, lengths: usize, single: usize, table: usize, dst: usize, count: i32): bool {
  const quarter = (count + 3) >> 2;
  const s0 = src;
  const s1 = s0 + load<u32>(lengths);
  const s2 = s1 + load<u32>(lengths, 4);
  const s3 = s2 + load<u32>(lengths, 8);
  const e0 = dst + min(quarter, count);
  const e1 = dst + min(2 * quarter, count);
  const e2 = dst + min(3 * quarter, count);
  const e3 = dst + count;
  let o0 = dst;
  let o1 = e0;
  let o2 = e1;
  let o3 = e2;
  let b0: u64 = 0;
  let b1: u64 = 0;
  let b2: u64 = 0;
  let b3: u64 = 0;
  while (o0 + 16 <= e0 && o1 + 16 <= e1 && o2 + 16 <= e2 && o3 + 16 <= e3) {
    let w0 = load<u64>(s0 + <usize>(b0 >> 3)) >> (b0 & 7);
    let w1 = load<u64>(s1 + <usize>(b1 >> 3)) >> (b1 & 7);
    let w2 = load<u64>(s2 + <usize>(b2 >> 3)) >> (b2 & 7);
    let w3 = load<u64>(s3 + <usize>(b3 >> 3)) >> (b3 & 7);
    for (let look = 0; look < 4; look++) {
      const n0 = load<u64>(table + ((<usize>w0 & 4095) << 3));
      const n1 = load<u64>(table + ((<usize>w1 & 4095) << 3));
      const n2 = load<u64>(table + ((<usize>w2 & 4095) << 3));
      const n3 = load<u64>(table + ((<usize>w3 & 4095) << 3));
      store<u32>(o0, <u32>n0);
      store<u32>(o1, <u32>n1);
      store<u32>(o2, <u32>n2);
      store<u32>(o3, <u32>n3);
      o0 += <usize>((n0 >> 32) & 7);
      o1 += <usize>((n1 >> 32) & 7);
      o2 += <usize>((n2 >> 32) & 7);
      o3 += <usize>((n3 >> 32) & 7);
      w0 >>= n0 >> 40;
      w1 >>= n1 >> 40;
      w2 >>= n2 >> 40;
      w3 >>= n3 >> 40;
      b0 += n0 >> 40;
      b1 += n1 >> 40;
      b2 += n2 >> 40;
      b3 += n3 >> 40;
    }
  }
  return (
    decodeRest(s0, load<u32>(lengths), b0, o0, e0, single) &&
    decodeRest(s1, load<u32>(lengths, 4), b1, o1, e1, single) &&
    decodeRest(s2, load<u32>(lengths, 8), b2, o2, e2, single) &&
    decodeRest(s3, load<u32>(lengths, 12), b3, o3, e3, single)
  );
}

/** `dst` = `a` XOR `b`. */
export function xor(a: usize, b: usize, dst: usize, length: i32): void {
  const whole = length & ~15;
  for (let i = 0; i < whole; i += 16) v128.store(dst + i, v128.xor(v128.load(a + i), v128.load(b + i)));
  for (let i = whole; i < length; i++) store<u8>(dst + i, load<u8>(a + i) ^ load<u8>(b + i));
}

/** Where the first chunk ends (Gear, with a stricter mask before the usual length and a laxer one after it). */
export function gearCut(src: usize, length: i32, table: usize): i32 {
  const end = min(length, 1 << 20);
  if (end <= 65536) return end;
  let hash: u32 = 0;
  let at = 65536 - 32;
  for (; at < 65536; at++) hash = (hash << 1) + load<u32>(table + (<usize>load<u8>(src + at) << 2));
  for (const usual = min(end, 262144); at < usual; at++) {
    hash = (hash << 1) + load<u32>(table + (<usize>load<u8>(src + at) << 2));
    if ((hash & 0xfffff000) === 0) return at + 1;
  }
  for (; at < end; at++) {
    hash = (hash << 1) + load<u32>(table + (<usize>load<u8>(src + at) << 2));
    if ((hash & 0xffff0000) === 0) return at + 1;
  }
  return end;
}

/**
 * `dst` += factor * `src` in GF(2^8): the products of the factor with the low and the high half of a byte, 16 each, are at
 * `products`. `length` is a multiple of 16.
 */
export function gfMulAdd(src: usize, dst: usize, length: i32, products: usize): void {
  const lows = v128.load(products);
  const highs = v128.load(products, 16);
  const mask = i8x16.splat(15);
  for (let i = 0; i < length; i += 16) {
    const bytes = v128.load(src + i);
    const low = i8x16.swizzle(lows, v128.and(bytes, mask));
    const high = i8x16.swizzle(highs, i8x16.shr_u(bytes, 4));
    v128.store(dst + i, v128.xor(v128.load(dst + i), v128.xor(low, high)));
  }
}
