const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export const ulidPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Time first, so that ids sort as they were made: 48 bits of milliseconds and 80 random ones (github.com/ulid/spec). */
export function ulid(wallMs: number, random: (length: number) => Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(random(10)).toString("hex")}`) | (BigInt(Math.floor(wallMs)) << 80n);
  let text = "";
  for (let n = 0; n < 26; n++) {
    text = (alphabet[Number(bits & 31n)] ?? "0") + text;
    bits >>= 5n;
  }
  return text;
}
