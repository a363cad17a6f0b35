import { Fault, type FaultCode } from "@locum/contracts";

/** Takes so many bytes of what one answer may have. Throws a Fault where no more are left. */
export type HeapBudget = (bytes: number) => void;

/**
 * A sidecar has 64 MB of heap, and running out of it ends the process: what an answer becomes beside its JSON (texts,
 * truth values, many small tensors) is let in up to here. Numbers lie outside the heap and are bounded by the answer.
 */
const heapBytesMax = 16 * 1024 * 1024;

export function openHeapBudget(code: FaultCode): HeapBudget {
  let left = heapBytesMax;
  return (bytes) => {
    left -= bytes;
    if (left < 0) throw new Fault(code, `more values than fit into ${heapBytesMax} bytes of memory`);
  };
}
