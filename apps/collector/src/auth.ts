import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "@locum/contracts/mount";

export type Token = {
  name: string;
  role: Caller["role"];
  token: string;
  /** The one instance that may use it, `service/instance`; every configured one if absent. */
  instance?: string;
};
export type TokenHolder = Caller & { instance?: string };
export type Authenticate = (authorization: string | undefined) => TokenHolder | null;

/**
 * Who sent this Authorization header. All tokens are compared, by their hashes and in constant time, so that neither
 * the length nor the first wrong letter of a guess, nor which token it is near to, can be measured.
 */
export function createAuthenticate(tokens: readonly Token[]): Authenticate {
  const known = tokens.map(({ token, ...holder }) => ({ hash: hashOf(token), holder }));
  return (authorization) => {
    const [, given] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? "") ?? [];
    const hash = hashOf(given ?? "");
    let found: TokenHolder | null = null;
    for (const candidate of known) if (timingSafeEqual(candidate.hash, hash)) found = candidate.holder;
    return given === undefined ? null : found;
  };
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();
