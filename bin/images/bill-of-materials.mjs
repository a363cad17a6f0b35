import { createHash } from "node:crypto";

/**
 * A CycloneDX 1.6 document of one image: the Debian packages, the node binary, and of the npm packages those alone
 * whose files the bundler really took (`inputs`), with versions and hashes of package-lock.json.
 */
export function billOfMaterials({ name, version, created, inputs, lock, packages, node, distribution }) {
  const components = [
    ...packages.map((one) => debianPackage(one, distribution)),
    npmPackage(`node_modules/${node}`, lock),
    ...npmFolders(inputs).map((folder) => npmPackage(folder, lock)),
  ].sort((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1));
  const subject = { type: "container", "bom-ref": `locum-${name}`, name: `locum-${name}`, version };
  const content = {
    metadata: { timestamp: created, component: subject },
    components,
    dependencies: [{ ref: subject["bom-ref"], dependsOn: components.map((one) => one["bom-ref"]) }],
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: serialOf(content),
    version: 1,
    ...content,
  };
}

/** The folders of packages that these source files come from; what is ours is in none. */
export function npmFolders(inputs) {
  const folders = inputs.flatMap(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

function npmPackage(folder, { packages }) {
  const entry = packages[folder];
  const name = folder.slice(folder.lastIndexOf("node_modules/") + 13);
  if (!entry?.version) throw new Error(`${folder} is in the bundle and not in package-lock.json`);
  const purl = `pkg:npm/${name.replace("@", "%40")}@${entry.version}`;
  const [algorithm, base64] = entry.integrity?.split("-", 2) ?? [];
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version: entry.version,
    ...(algorithm === "sha512"
      ? { hashes: [{ alg: "SHA-512", content: Buffer.from(base64, "base64").toString("hex") }] }
      : {}),
    ...(entry.license ? { licenses: [licenceOf(entry.license)] } : {}),
    purl,
  };
}

/** An identifier of SPDX stands by itself, several of them are an expression. */
const licenceOf = (text) => (/[\s()]/.test(text) ? { expression: text } : { license: { id: text } });

function debianPackage({ name, version, architecture, sha256 }, distribution) {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=${distribution}`;
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    hashes: [{ alg: "SHA-256", content: sha256 }],
    purl,
  };
}

/** A UUID of version 8 made from the content: the same image has the same bill. */
function serialOf(content) {
  const hex = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  const variant = ((Number.parseInt(hex[16], 16) & 3) | 8).toString(16);
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
