import { z } from "zod";

/** Of SPDX's list, those that our dependencies bear; another one is looked at by a person before it comes in. */
const License = z.enum(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"]);
const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const Component = z.strictObject({
  type: z.literal("library"),
  "bom-ref": z.string().min(1),
  group: z.string().min(1).optional(),
  name: z.string().min(1),
  version: z.string().min(1),
  hashes: z
    .array(
      z.union([
        z.strictObject({ alg: z.literal("SHA-256"), content: hex(64) }),
        z.strictObject({ alg: z.literal("SHA-512"), content: hex(128) }),
      ]),
    )
    .min(1)
    .optional(),
  licenses: z
    .array(
      z.union([
        z.strictObject({ license: z.strictObject({ id: License }) }),
        z.strictObject({ expression: z.string() }),
      ]),
    )
    .optional(),
  // purl-spec: type, an optional namespace, name, version and qualifiers, each percent-encoded.
  purl: z
    .string()
    .regex(/^pkg:(deb|npm)(\/[A-Za-z0-9.%_~-]+){1,2}@[A-Za-z0-9.%_~-]+(\?[a-z]+=[^&]+(&[a-z]+=[^&]+)*)?$/),
});

/** What of CycloneDX 1.6 (bom-1.6.schema.json) a bill of ours uses, and nothing besides. */
export const BillOfMaterials = z
  .strictObject({
    bomFormat: z.literal("CycloneDX"),
    specVersion: z.literal("1.6"),
    serialNumber: z.string().regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
    version: z.number().int().min(1),
    metadata: z.strictObject({
      timestamp: z.iso.datetime(),
      component: z.strictObject({
        type: z.literal("container"),
        "bom-ref": z.string(),
        name: z.string(),
        version: z.string(),
      }),
    }),
    components: z.array(Component).min(1),
    dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
  })
  .superRefine(({ metadata, components, dependencies }, context) => {
    const refs = [metadata.component["bom-ref"], ...components.map((one) => one["bom-ref"])];
    if (new Set(refs).size < refs.length) context.addIssue("expected every bom-ref once");
    for (const { ref, dependsOn } of dependencies)
      for (const one of [ref, ...dependsOn])
        if (!refs.includes(one)) context.addIssue(`${one} is depended on and no component`);
  });
