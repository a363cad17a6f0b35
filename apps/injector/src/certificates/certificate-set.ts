import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** The injector's own authority and the certificate that it serves, all PEM. One Secret holds it for all replicas. */
export type CertificateSet = {
  /** Oldest first: who trusts them all trusts what is served, before, during and after a change of authority. */
  authorities: string;
  /** Key of the newest authority; the older ones sign nothing any more. */
  authorityKey: string;
  cert: string;
  key: string;
};

const fields: Record<keyof CertificateSet, string> = {
  authorities: "ca.crt",
  authorityKey: "ca.key",
  cert: "tls.crt",
  key: "tls.key",
};
const bytesMax = 64 * 1024;

/** From the data of the Secret; what is missing or no base64 is empty, and is then made anew. */
export function readSet(data: unknown): CertificateSet {
  const given = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  const read = (field: keyof CertificateSet): string => {
    const value = given[fields[field]];
    return typeof value === "string" ? Buffer.from(value.slice(0, bytesMax), "base64").toString("utf8") : "";
  };
  return {
    authorities: read("authorities"),
    authorityKey: read("authorityKey"),
    cert: read("cert"),
    key: read("key"),
  };
}

export const writeSet = (set: CertificateSet): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).map(([field, name]) => [
      name,
      Buffer.from(set[field as keyof CertificateSet]).toString("base64"),
    ]),
  );

/** Each certificate of a PEM bundle that can be read, in its order. */
export function readBundle(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.slice(0, 16).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

export function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}
