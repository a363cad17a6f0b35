/** Flags of every verb that records goldens. */
export const recordFlags = {
  expect: { kind: "text", about: 'answers from outside: [{"outputs":[...]}, ...], same order' },
  note: { kind: "text", fallback: "", about: "a sentence that stays with the release" },
  "timeout-ms": { kind: "text", fallback: "30000", about: "of one answer" },
} as const;
