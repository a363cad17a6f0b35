import fc from "fast-check";
import { expect, test } from "vitest";
import { injectConfig } from "./config.ts";
import { inject } from "./inject.ts";
import { injectText, uninjectText } from "./inject-text.ts";
import { patchPod } from "./json-patch.ts";
import { injectUnit, uninjectUnit } from "./systemd-unit.ts";
import { diceOf } from "./testing/dice.ts";
import { someManifest } from "./testing/some-manifest.ts";
import { writeYaml } from "./testing/write-yaml.ts";

const config = injectConfig({ kubeletMin: "1.34" });

test("property: any text is injected, passed or broken; what is injected comes back", () => {
  const piece = fc.constantFrom(
    "a: b\n",
    "- x\n",
    "{",
    "}",
    "[",
    "&a ",
    "*a",
    "|\n",
    "? ",
    "---\n",
    "...\n",
    "\t",
    "\r\n",
    "# c\n",
    "locum.dev/source: ",
    "!!x ",
    "\uFEFF",
    "%YAML 9\n",
    "<<: *a\n",
    '"',
    "'",
    "kind: Pod\n",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      const result = injectText(text, config);
      if (result.kind === "broken") expect(result.problem.message).not.toBe("");
      else expect(result.text).toBe(text);
      const back = uninjectText(text);
      if (back.kind === "done") expect(back.text).toBe(text);
    }),
    { numRuns: 1000 },
  );
}, 120_000);

test("property: a manifest that lost or gained a character never gives what cannot be taken back", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.nat(),
      fc.constantFrom("", "x", " ", "\n", ":", "&", "{", "#", "\t", "-"),
      (seed, place, char) => {
        const dice = diceOf(seed);
        const whole = writeYaml(someManifest(dice), dice);
        const at = place % whole.length;
        const text = whole.slice(0, at) + char + whole.slice(at + 1);
        const result = injectText(text, config);
        if (result.kind === "broken") return;
        expect(uninjectText(result.text)).toMatchObject({ kind: "done", text });
      },
    ),
    { numRuns: 500 },
  );
}, 120_000);

test("property: an injected text that was cut or changed is still taken out, or called broken", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(), fc.string({ maxLength: 3 }), (seed, place, piece) => {
      const dice = diceOf(seed);
      const result = injectText(writeYaml(someManifest(dice), dice), config);
      if (result.kind === "broken") return;
      const at = place % result.text.length;
      const back = uninjectText(result.text.slice(0, at) + piece + result.text.slice(at + 1));
      expect(["done", "broken"]).toContain(back.kind);
    }),
    { numRuns: 300 },
  );
}, 120_000);

test("property: a pod of any form is injected or declined, with a reason", () => {
  const any = fc
    .anything({ withNullPrototype: false, maxDepth: 4 })
    .map((value) => JSON.parse(JSON.stringify(value ?? null)) as unknown);
  const shaped = fc.record(
    {
      containers: fc.array(
        fc.record(
          { name: any, image: any, ports: any, args: any, readinessProbe: any },
          { requiredKeys: [] },
        ),
      ),
      volumes: any,
      hostNetwork: any,
    },
    { requiredKeys: [] },
  );
  const meta = fc.oneof(
    any,
    fc.record({
      name: fc.string(),
      labels: fc.constant({ "locum.dev/inject": "enabled" }),
      annotations: fc.oneof(any, fc.constant({ "locum.dev/posture": "tap" })),
    }),
  );
  fc.assert(
    fc.property(fc.oneof(any, shaped), meta, (pod, metadata) => {
      expect(["injected", "declined"]).toContain(inject({ pod, meta: metadata, config }).kind);
      expect(["patch", "declined"]).toContain(patchPod({ metadata, spec: pod }, { config }).kind);
    }),
    { numRuns: 1000 },
  );
}, 120_000);

test.each([
  ["a hundred thousand brackets", "[".repeat(100_000)],
  ["a hundred thousand dashes", "- ".repeat(100_000)],
  [
    "an alias bomb",
    `a: &a [x]\n${Array.from({ length: 30 }, (_, index) => `b${index}: &b${index} [${"*a,".repeat(9)}*${index === 0 ? "a" : `b${index - 1}`}, *${index === 0 ? "a" : `b${index - 1}`}]`).join("\n")}`,
  ],
  ["an unknown alias", "a: *nobody"],
  ["a tag that nobody knows", "a: !!nothing x\n"],
  ["a template of Helm", "replicas: {{ .Values.replicas }}\n"],
  ["too much", `a: ${"x".repeat(17 * 1024 * 1024)}`],
])("%s: told, and in time", (_what, text) => {
  expect(["broken", "done"]).toContain(injectText(text, config).kind);
  expect(["broken", "done"]).toContain(uninjectText(text).kind);
});

test("a pod nested deeper than any is malformed", () => {
  let deep: unknown = {};
  for (let depth = 0; depth < 100_000; depth += 1) deep = { a: deep };
  expect(inject({ pod: { containers: [], x: deep }, meta: {}, config })).toMatchObject({
    reason: "malformed",
  });
});

const machine = { program: "/usr/local/bin/locum", tokenFile: "/var/lib/locum/tokens.json" };
test("property: a unit comes back byte for byte, with its block where it asks for one", () => {
  const line = fc.constantFrom(
    "[Unit]",
    "[Service]",
    "[X-Locum]",
    "Inject=enabled",
    "Posture=tap",
    "ExecStart=tritonserver --http-port=8000",
    "# c",
    "",
    "A=b \\",
    "  x",
    "; y",
    "Inject=maybe",
  );
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12 }),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      (lines, eol, open) => {
        const text = lines.join(eol) + (open ? "" : eol);
        const result = injectUnit(text, { name: "triton.service", config, machine });
        if (result.kind === "declined") return;
        expect(uninjectUnit(result.text)).toBe(text);
        expect(injectUnit(result.text, { name: "triton.service", config, machine })).toMatchObject({
          text: result.text,
        });
      },
    ),
    { numRuns: 1000 },
  );
}, 120_000);
