import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { corrupt } from "./corrupt.ts";
import {
  type Approver,
  type Digits,
  fixtures,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

const patient = { timeout: 15_000 };
let digits: Digits;
let approver: Approver;
let sidecar: StartedSidecar;

const untilFit = () => expect.poll(() => sidecar.report().fit, patient).toBe(true);
const restorable = () => expect.poll(() => sidecar.report().restorable.length, patient).toBe(1);

beforeEach(async () => {
  approver = newApprover();
  digits = await startDigits();
  await writeRelease(`${digits.dir}/releases`, await recordRelease(digits, approver));
  sidecar = await startSidecar(serviceOf([{ id: "a", digits }], { approver, dir: digits.dir }), "a");
  await untilFit();
  await restorable();
});
afterEach(async () => {
  await sidecar?.close();
  await digits?.close();
});

describe("a sidecar without a collector", () => {
  it("puts wrong weights back, loads them and proves the instance right again", async () => {
    await corrupt(digits.file);
    await digits.load();
    await expect.poll(() => sidecar.verdict(), patient).toBe("failed wrong-output hard");
    await untilFit();
    expect(sidecar.report()).toMatchObject({
      bytes: "approved",
      goldens: "proven",
      verdict: { kind: "healthy" },
    });
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/model.onnx`))).toBe(true);
  });

  it("puts files back that were never loaded without touching the traffic", async () => {
    const seen = new Set<string>();
    const stop = setInterval(
      () => seen.add(`${sidecar.report().verdict.kind} ${sidecar.report().diverted}`),
      10,
    );
    await corrupt(digits.file);
    await expect.poll(() => sidecar.report().bytes, patient).toBe("unapproved");
    await expect.poll(() => sidecar.report().bytes, patient).toBe("approved");
    clearInterval(stop);
    expect([...seen]).toEqual(["healthy false"]);
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/model.onnx`))).toBe(true);
  });

  it("reloads where the files are right and the answers are not", async () => {
    digits.server.faults.order({ kind: "nan", untilReload: true });
    await expect.poll(() => sidecar.verdict(), patient).toBe("failed not-finite hard");
    await untilFit();
  });

  it("an older model that was swapped in is wrong, and goes", async () => {
    await digits.deploy("older/model.onnx");
    await expect.poll(() => sidecar.verdict(), patient).toBe("failed wrong-output hard");
    await untilFit();
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/model.onnx`))).toBe(true);
  });
});

describe("an approved deploy", () => {
  it("is the new release: nothing is diverted, nothing is put back", async () => {
    const newer = await startDigits({ source: "newer/model.onnx" });
    const release = await recordRelease(newer, approver);
    await newer.close();
    await writeRelease(`${digits.dir}/releases`, release);
    const seen = new Set<string>();
    const stop = setInterval(() => {
      const { verdict, diverted } = sidecar.report();
      seen.add(`${verdict.kind} ${diverted}`);
    }, 10);
    await digits.deploy("newer/model.onnx");
    await expect.poll(() => sidecar.report().release, patient).toBe(release.digest);
    await untilFit();
    clearInterval(stop);
    expect([...seen].filter((word) => word.startsWith("failed") || word.endsWith("true"))).toEqual([]);
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/newer/model.onnx`))).toBe(true);
  });
});
