export type JsonWeight = { heapBytes: number; depth: number };

/**
 * What parsing a text of JSON and reading its values once takes of the heap, rather too much than too little, and how
 * deep it nests. Sizes are those of V8 without pointer compression: an element is a slot in its list and another in the
 * list that is made of it, an object whose keys no other has brings a map of its own (190 bytes measured for
 * `{"k":1}`), a string has a header, and one wide character makes all of its characters wide.
 */
export function weighJson(text: string): JsonWeight {
  let heapBytes = 0;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Most of a tensor are the digits of its numbers.
    if (code !== quote && code !== comma && code < colon) continue;
    if (code === quote) {
      const from = at + 1;
      let width = 1;
      for (at = from; at < text.length; at++) {
        const inside = text.charCodeAt(at);
        if (inside === quote) break;
        if (inside > 0xff) width = 2;
        if (inside !== backslash) continue;
        at++;
        // An escape may stand for a wide character.
        if (text.charCodeAt(at) === unicodeEscape) width = 2;
      }
      heapBytes += stringBytes + (at - from) * width;
    } else if (code === comma) heapBytes += elementBytes;
    else if (code === colon) heapBytes += keyBytes;
    else if (code === openList || code === openObject) {
      heapBytes += code === openList ? listBytes : objectBytes;
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (code === closeList || code === closeObject) depth--;
  }
  return { heapBytes, depth: deepest };
}

const elementBytes = 32;
const keyBytes = 60;
const listBytes = 64;
const objectBytes = 100;
const stringBytes = 24;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const unicodeEscape = 0x75;
const openObject = 0x7b;
const closeObject = 0x7d;
