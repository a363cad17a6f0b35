import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { Fault } from "@locum/contracts";

export type Pem = { cert: string; key: string };

/**
 * When the certificate ends, in milliseconds of the wall clock.
 * @throws Fault config-invalid: a pair that does not fit would break every handshake from here on
 */
export function checkCertificate({ cert, key }: Pem): number {
  try {
    createSecureContext({ cert, key });
    const leaf = new X509Certificate(cert);
    // A secure context takes an empty key for none, and would serve a certificate that it cannot prove.
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error("the key is another's");
    return leaf.validToDate.getTime();
  } catch (cause) {
    throw new Fault("config-invalid", `the certificate cannot be used: ${(cause as Error).message}`, {
      hint: "Expected a certificate (PEM, the leaf first) and the key that belongs to it.",
      cause,
    });
  }
}
