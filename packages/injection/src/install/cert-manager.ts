import { type Component, installLabel, type Manifest, manifest } from "./manifest.ts";
import type { InstallValues } from "./values.ts";

const apiVersion = "cert-manager.io/v1";
const selfSigned = "locum-self-signed";
const authority = "locum-ca";
/** By which an uninstall finds the Secrets: cert-manager leaves them behind, and they hold keys. */
const secretTemplate = { labels: installLabel };
const privateKey = { algorithm: "ECDSA", size: 256 };

/**
 * One authority for all certificates of an installation, with a key that it keeps. A certificate that signed itself
 * would be another authority at every renewal, and until cert-manager has written it into the caBundle and the kubelet
 * has brought the file to each injector, none of them would be believed. The authority's own renewal is not seen
 * either: with its name and its key, what it signed before is signed by the new one too.
 */
export function certificateAuthority({
  namespace,
  admission,
  certificates,
  collector,
}: InstallValues): Manifest[] {
  if (certificates !== "cert-manager" || (admission !== "webhook" && !collector.enabled)) return [];
  const of = (kind: string, name: string, spec: object): Manifest =>
    manifest(apiVersion, kind, { name, namespace, component: "authority" }, { spec });
  return [
    of("Issuer", selfSigned, { selfSigned: {} }),
    of("Certificate", authority, {
      isCA: true,
      commonName: authority,
      secretName: authority,
      secretTemplate,
      duration: hours(730),
      renewBefore: hours(243),
      usages: ["cert sign", "crl sign"],
      privateKey: { ...privateKey, rotationPolicy: "Never" },
      issuerRef: { group: "cert-manager.io", kind: "Issuer", name: selfSigned },
    }),
    of("Issuer", authority, { ca: { secretName: authority } }),
  ];
}

/** A certificate for the Service of this name: thirty days, with a new key at each renewal. */
export const issuedCertificate = (
  component: Component,
  { name, namespace, secretName }: { name: string; namespace: string; secretName: string },
): Manifest =>
  manifest(
    apiVersion,
    "Certificate",
    { name, namespace, component },
    {
      spec: {
        secretName,
        secretTemplate,
        dnsNames: [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`],
        duration: hours(30),
        renewBefore: hours(10),
        usages: ["digital signature", "server auth"],
        privateKey: { ...privateKey, rotationPolicy: "Always" },
        issuerRef: { group: "cert-manager.io", kind: "Issuer", name: authority },
      },
    },
  );

const hours = (days: number): string => `${days * 24}h`;
