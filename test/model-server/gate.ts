import { Refusal } from "./refusal.ts";

const waitingMax = 1024;

export type Gate = { enter(): Promise<() => void> };

/** At most `slots` inferences at once; others wait in order, and past 1024 waiting the server says that it is full. */
export function openGate(slots: number): Gate {
  const waiting: (() => void)[] = [];
  let free = slots;
  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return {
    async enter() {
      if (waiting.length >= waitingMax) throw new Refusal(503, "exceeds maximum queue size");
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return leave;
    },
  };
}
