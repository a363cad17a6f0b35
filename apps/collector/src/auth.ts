import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "@locum/contracts/mount";

export type Token = {
  name: string;
  role: Caller["role"];
  token: string;
  /** The one instance that may use it, `service/instance`; every configured one if absent. */
  instance?: string;
  /** Whose it is: a personal value, which no record may hold. */
  person?: string;
};
export type TokenHolder = Caller & { instance?: string };
export type Authenticate = (authorization: string | undefined) => TokenHolder | null;
/** The same where somebody else has to be asked. */
export type AuthenticateLater = (
  authorization: string | undefined,
) => TokenHolder | null | Promise<TokenHolder | null>;

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

/** Tokens of the file first; what is none of them may be that of a pod. */
export function withPods(
  ofFile: Authenticate,
  holderOf: (token: string) => Promise<TokenHolder | null>,
): AuthenticateLater {
  return (authorization) => {
    const known = ofFile(authorization);
    if (known) return known;
    const [, token] = /^Bearer ([\w.-]{32,8192})$/i.exec(authorization ?? "") ?? [];
    return token === undefined ? null : holderOf(token);
  };
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();
