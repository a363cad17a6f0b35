/**
 * Gives the memory back at once, where the bytes have a buffer of their own. A collector of garbage sees only the small
 * object that holds a mebibyte, and lets hundreds of them stand: three threads came to 450 MB.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !buffer.detached)
    buffer.transfer(0);
}
