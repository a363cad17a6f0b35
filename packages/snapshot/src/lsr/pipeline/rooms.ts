/** A fixed number of equal rooms in shared memory: who wants one more waits until one is given back. */
export type Rooms = {
  take(): Promise<Uint8Array>;
  give(room: Uint8Array): void;
};

/** Memory is taken when a room is first needed, and then kept: a small snapshot needs few. */
export function createRooms(count: number, bytes: number): Rooms {
  const free: Uint8Array[] = [];
  const waiting: ((room: Uint8Array) => void)[] = [];
  let made = 0;
  return {
    take() {
      const room = free.pop();
      if (room) return Promise.resolve(room);
      if (made < count) {
        made += 1;
        return Promise.resolve(new Uint8Array(new SharedArrayBuffer(bytes)));
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    give(room) {
      const next = waiting.shift();
      if (next) next(room);
      else free.push(room);
    },
  };
}
