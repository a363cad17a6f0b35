/**
 * Calls `expire` when `atMs` has come, unless the returned function is called before.
 *
 * After a stall of our own process, timers fire before the answers that wait in the sockets are read: the time that the
 * timer is late is given back once, so that our stall is not taken for the server's.
 */
export function expireAt(
  { atMs, now, timeoutMs }: { atMs: number; now: () => number; timeoutMs: number },
  expire: () => void,
): () => void {
  let timer = setTimeout(
    () => {
      const lateMs = now() - atMs;
      if (lateMs < 50) return expire();
      timer = setTimeout(expire, Math.min(lateMs, timeoutMs));
    },
    Math.max(1, atMs - now()),
  );
  return () => clearTimeout(timer);
}
