import type { EvidenceBody } from "../evidence.ts";

export const someBody = (changes: Partial<EvidenceBody> = {}): EvidenceBody => ({
  title: "Weights overwritten on a",
  cause: "drill",
  service: "digits",
  createdAt: "2026-01-02T03:04:05.000Z",
  summary:
    "One exponent bit of a weight was flipped on a. Traffic moved to b, the bytes came back, a was proven right.",
  measures: [
    { name: "detection", unit: "ms", value: 812, limit: 2000, met: true },
    { name: "recovery (RTO)", unit: "ms", value: 1430, limit: 5000, met: true },
    { name: "bytes restored and proven", unit: "ms", value: 31_200, limit: 30_000, met: false },
    { name: "failed requests", unit: "count", value: 0, limit: 0, met: true },
    { name: "wrong answers", unit: "count", value: 3, limit: null, met: true },
  ],
  incidents: [
    {
      id: "2c9f1a7e",
      service: "digits",
      instance: "a",
      failure: "wrong-output",
      openedAtMs: 1_767_323_045_000,
      closedAtMs: 1_767_323_076_400,
      drill: "drill-1",
      timeline: [
        {
          offsetMs: 0,
          step: "note",
          instance: "a",
          detail: "one bit of dense_1/kernel flipped, model reloaded",
        },
        { offsetMs: 520, step: "detect", instance: "a", detail: "golden 4f1c: class 3 expected, 8 answered" },
        {
          offsetMs: 812,
          step: "detect",
          instance: "a",
          detail: "golden 91aa fails too, asked again at once",
        },
        { offsetMs: 815, step: "divert", instance: "a", detail: "answers come from b" },
        { offsetMs: 1430, step: "verify", instance: "b", detail: "first good answer through the tap" },
        { offsetMs: 1450, step: "promote", instance: "b", detail: "epoch 7: b is active" },
        {
          offsetMs: 4100,
          step: "restore",
          instance: "a",
          detail: "3 of 112 chunks differ; twin renamed into place",
        },
        { offsetMs: 9800, step: "reload", instance: "a", detail: "repository load answered 200" },
        { offsetMs: 31_200, step: "verify", instance: "a", detail: "24 of 24 goldens pass" },
        { offsetMs: 31_400, step: "close", instance: null, detail: "two fit instances again" },
      ],
    },
  ],
  facts: { release: "sha256:5e0c", goldens: 24, "load per second": 50 },
  ...changes,
});
