export type Act = () => void;

/** A binary heap by time. Events of one instant come out in the order in which they went in, or a seed would not replay. */
export type EventHeap = {
  readonly size: number;
  push(atMs: number, act: Act): void;
  /** Time of the next event; Infinity when there is none. */
  nextMs(): number;
  pop(): Act | undefined;
};

type Entry = { atMs: number; order: number; act: Act };

export function createEventHeap(): EventHeap {
  const heap: Entry[] = [];
  let order = 0;
  return {
    get size() {
      return heap.length;
    },
    push(atMs, act) {
      order += 1;
      rise(heap, { atMs, order, act });
    },
    nextMs: () => heap[0]?.atMs ?? Number.POSITIVE_INFINITY,
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first && last && first !== last) sink(heap, last);
      return first?.act;
    },
  };
}

const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function rise(heap: Entry[], entry: Entry): void {
  let place = heap.length;
  heap.push(entry);
  while (place > 0) {
    const above = (place - 1) >> 1;
    const parent = heap[above];
    if (!parent || before(parent, entry)) break;
    heap[place] = parent;
    place = above;
  }
  heap[place] = entry;
}

function sink(heap: Entry[], entry: Entry): void {
  let place = 0;
  for (;;) {
    let below = 2 * place + 1;
    let child = heap[below];
    const right = heap[below + 1];
    if (right && child && before(right, child)) {
      below += 1;
      child = right;
    }
    if (!child || before(entry, child)) break;
    heap[place] = child;
    place = below;
  }
  heap[place] = entry;
}
