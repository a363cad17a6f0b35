import { type AttributeRule, type TelemetrySchema, telemetrySchema } from "./telemetry-schema.ts";

/**
 * Deny by default: a metric, attribute or resource name leaves only if the schema names it, and an attribute's value
 * only if its rule allows it. Satisfies the runtime's `TelemetryFilter`, without which no exporter can be built.
 */
export type Filter = {
  readonly mark: "locum/telemetry-filter/v1";
  admitMetric(name: string): { description: string; unit: string } | undefined;
  admitAttribute(metric: string, key: string, value: unknown): boolean;
  admitResource(key: string, value: unknown): boolean;
};

/** What an operator may call a service or an instance, or a version of this program. */
const resourceValue = /^[A-Za-z0-9][A-Za-z0-9.+-]{0,62}$/;

export function createFilter({ schema = telemetrySchema }: { schema?: TelemetrySchema } = {}): Filter {
  const rules = new Map(Object.entries(schema.metrics));
  const resource = new Set(schema.resource);
  return {
    mark: "locum/telemetry-filter/v1",
    admitMetric(name) {
      const rule = rules.get(name);
      return rule && { description: rule.description, unit: rule.unit };
    },
    admitAttribute(metric, key, value) {
      const attributes = rules.get(metric)?.attributes;
      const rule = attributes && Object.hasOwn(attributes, key) ? attributes[key] : undefined;
      return rule !== undefined && allows(rule, value);
    },
    admitResource: (key, value) =>
      resource.has(key) && typeof value === "string" && resourceValue.test(value),
  };
}

function allows(rule: AttributeRule, value: unknown): boolean {
  switch (rule.kind) {
    case "boolean":
      return typeof value === "boolean" || value === "true" || value === "false";
    case "one-of":
      return typeof value === "string" && rule.values.includes(value);
  }
}
