import "reflect-metadata";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { CertificateSet } from "./certificate-set.ts";
import { authorityLifeMs, type CertificatePlan, leafLifeMs } from "./plan-certificates.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Clocks of the machines that check it may be behind ours. */
const skewMs = 300_000;

/** The set as the plan wants it. Keys are made here and go nowhere but into the set. */
export async function issueCertificates(
  set: CertificateSet,
  { authority, leaf, trusted }: CertificatePlan,
  {
    nowMs,
    names,
    random = webRandom,
  }: { nowMs: number; names: readonly string[]; random?: (bytes: number) => Uint8Array },
): Promise<CertificateSet> {
  const kept = trusted.map((one) => one.toString().trim());
  const own = authority === "renew" ? await makeAuthority(nowMs, random) : null;
  const authorities = own ? [...kept, own.cert.toString("pem")] : kept;
  const next = {
    ...set,
    authorities: `${authorities.join("\n")}\n`,
    ...(own ? { authorityKey: await pemOf(own.keys.privateKey) } : {}),
  };
  if (leaf === "keep") return next;
  const signer = own ?? {
    cert: new X509Certificate(authorities.at(-1) ?? ""),
    keys: { privateKey: await keyOf(next.authorityKey) },
  };
  return { ...next, ...(await makeLeaf(signer, { nowMs, names, random })) };
}

async function makeAuthority(nowMs: number, random: (bytes: number) => Uint8Array) {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const serialNumber = serial(random);
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber,
    // Two authorities are told apart by their names, as some verifiers look for an issuer by name alone.
    name: `CN=locum-injector-${serialNumber.slice(-8)}`,
    notBefore: new Date(nowMs - skewMs),
    notAfter: new Date(nowMs + authorityLifeMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert, keys };
}

async function makeLeaf(
  signer: { cert: X509Certificate; keys: { privateKey: CryptoKey } },
  {
    nowMs,
    names,
    random,
  }: { nowMs: number; names: readonly string[]; random: (bytes: number) => Uint8Array },
): Promise<Pick<CertificateSet, "cert" | "key">> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(random),
    subject: "CN=locum-injector",
    issuer: signer.cert.subject,
    notBefore: new Date(nowMs - skewMs),
    notAfter: new Date(Math.min(nowMs + leafLifeMs, signer.cert.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(signer.cert),
    ],
  });
  return { cert: `${cert.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
}

const webRandom = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

/** Positive: the first bit of an ASN.1 integer is its sign. */
function serial(random: (bytes: number) => Uint8Array): string {
  const bytes = Buffer.from(random(16));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString("hex");
}

const pemOf = async (key: CryptoKey): Promise<string> =>
  `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;

const keyOf = (pem: string): Promise<CryptoKey> =>
  crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), algorithm, false, ["sign"]);
