/** Words of an id: 32 bytes. */
const idWords = 8;

/** Fixed rows of numbers, found by an id of 32 bytes that several may share. */
export type ChunkTable = {
  rows(): number;
  add(id: Uint8Array, numbers: readonly number[]): number;
  rowsOf(id: Uint8Array): Generator<number>;
  id(row: number): Uint8Array;
  number(row: number, place: number): number;
};

/**
 * Open addressing over one array of words. Ids are keyed hashes, so their first word is as good as any hash of them,
 * and nobody without the id key can choose ids that collide.
 */
export function createChunkTable(numbersPerRow: number): ChunkTable {
  const rowWords = idWords + numbersPerRow;
  let words = new Uint32Array(256 * rowWords);
  let slots = new Uint32Array(1024);
  let count = 0;

  function place(row: number): void {
    let slot = (words[row * rowWords] ?? 0) & (slots.length - 1);
    while (slots[slot]) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = row + 1;
  }

  function grow(): void {
    const wider = new Uint32Array(Math.ceil((words.length / rowWords) * 1.5) * rowWords);
    wider.set(words);
    words = wider;
  }

  function rehash(): void {
    slots = new Uint32Array(slots.length * 2);
    for (let row = 0; row < count; row++) place(row);
  }

  return {
    rows: () => count,
    add(id, numbers) {
      const row = count++;
      if (count * rowWords > words.length) grow();
      words.set(wordsOf(id), row * rowWords);
      words.set(numbers, row * rowWords + idWords);
      // At most half full, so that every walk meets an empty slot soon.
      if (count * 2 > slots.length) rehash();
      else place(row);
      return row;
    },
    *rowsOf(id) {
      const wanted = wordsOf(id);
      for (
        let slot = (wanted[0] ?? 0) & (slots.length - 1);
        slots[slot];
        slot = (slot + 1) & (slots.length - 1)
      ) {
        const row = (slots[slot] ?? 0) - 1;
        if (wanted.every((word, n) => words[row * rowWords + n] === word)) yield row;
      }
    },
    id: (row) => new Uint8Array(words.buffer, row * rowWords * 4, idWords * 4).slice(),
    number: (row, place) => words[row * rowWords + idWords + place] ?? 0,
  };
}

/** Copied, since a view of words must be aligned; not by `slice`, which a Buffer does not copy with. */
const wordsOf = (id: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(id).buffer);
