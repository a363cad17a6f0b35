/** Most verbs are about the service of the folder that one stands in. */
export const configFlag = {
  config: { kind: "text", fallback: "locum.yaml", about: "service file" },
} as const;
