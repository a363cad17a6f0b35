import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { openDesk } from "../testing/run-cli.ts";

const manifest = `# a model
apiVersion: apps/v1
kind: Deployment
metadata: {name: xray}
spec:
  replicas: 2
  template:
    metadata:
      labels: {app: x, locum.dev/inject: enabled}
      annotations: {locum.dev/posture: tap}
    spec:
      containers:
        - name: triton   # the server
          image: tritonserver
          ports: [{containerPort: 8000}]
`;
const service = `apiVersion: v1
kind: Service
metadata: {name: xray}
spec: {selector: {app: x}, ports: [{port: 80, targetPort: 8000}]}
`;
const config = "kind: ConfigMap\n";

test("a pipe gives the file back, byte for byte; standard error has a line for each object", async () => {
  const whole = `${manifest}---\n${service}---\n${config}`;
  await using desk = await openDesk({ stdin: whole });
  const { code, stdout, stderr } = await desk.run("inject", "-f", "-", "--kubelet", "1.34");
  expect(code).toBe(0);
  expect(stderr).toContain("injected deployment/xray (triton, port 8000, tap 8471)");
  expect(stderr).toContain("injected service/xray");
  expect(stderr).toContain("passed   configmap/-");
  expect(stdout).toContain("- name: triton   # the server");
  expect(parseAllDocuments(stdout)[1]?.toJS()).toMatchObject({ spec: { ports: [{ targetPort: 8471 }] } });
  await using back = await openDesk({ stdin: stdout });
  expect(await back.run("uninject", "-f", "-")).toMatchObject({ code: 0, stdout: whole, stderr: "" });
});

test("nothing to inject is no failure, and tells why; broken input is exit 2 with its place", async () => {
  await using desk = await openDesk({ stdin: manifest });
  expect(await desk.run("inject", "-f", "-")).toMatchObject({
    code: 0,
    stdout: manifest,
    stderr: expect.stringContaining("declined deployment/xray: numeric_service_port: "),
  });
  for (const text of [
    "a: [1\nb: 2\n",
    Buffer.from([0x61, 0xff]),
    "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n",
  ]) {
    await using broken = await openDesk({ stdin: text });
    for (const verb of ["inject", "uninject", "diff", "explain", "render"]) {
      const { code, stdout, stderr } = await broken.run(verb, "-f", "-");
      expect({ verb, code, stdout }).toEqual({ verb, code: 2, stdout: "" });
      expect(stderr).toMatch(/^broken {3}-:\d+:\d+: /);
    }
  }
});

test("a folder is one input: the Service of one file leads to the pod of another", async () => {
  await using desk = await openDesk();
  await mkdir(join(desk.dir, "m/sub"), { recursive: true });
  const files: Record<string, string> = { "m/a.yaml": manifest, "m/sub/b.yml": service, "m/note.txt": "{" };
  for (const [name, text] of Object.entries(files)) await writeFile(join(desk.dir, name), text);
  const read = (name: string) => readFile(join(desk.dir, name), "utf8");
  expect(await desk.run("inject", "-f", "m", "--in-place")).toMatchObject({ code: 0, stdout: "" });
  expect(parse(await read("m/sub/b.yml"))).toMatchObject({ spec: { ports: [{ targetPort: 8471 }] } });
  expect(await desk.run("diff", "-f", "m")).toMatchObject({ code: 0, stdout: "" });
  expect(await desk.run("uninject", "-f", "m", "--in-place")).toMatchObject({ code: 0, stdout: "" });
  for (const [name, text] of Object.entries(files)) expect(await read(name)).toBe(text);
  const { code, stdout } = await desk.run("diff", "-f", "m/sub/b.yml", "-f", "m/a.yaml");
  expect(code).toBe(3);
  expect(stdout).toContain("+        - name: locum-sidecar");
  const gone = stdout.split("\n").filter((line) => /^-[^-]/.test(line));
  expect(gone.sort()).toEqual([
    "-      annotations: {locum.dev/posture: tap}",
    "-metadata: {name: xray}",
    "-metadata: {name: xray}",
    "-spec: {selector: {app: x}, ports: [{port: 80, targetPort: 8000}]}",
  ]);
});

test("each output is the same injection", async () => {
  const named = manifest.replace("{containerPort", "{name: http, containerPort");
  await using desk = await openDesk({ stdin: named });
  const run = async (form: string) =>
    (await desk.run("inject", "-f", "-", "-o", form, "--kubelet", "1.34")).stdout;
  const yaml = parse(await run("yaml"));
  delete yaml.metadata.annotations;
  expect(JSON.parse(await run("json"))).toEqual(yaml);
  const [{ target, patch }] = JSON.parse(await run("patch"));
  expect(target).toEqual({ group: "apps", version: "v1", kind: "Deployment", name: "xray" });
  expect(patch.map(({ path }: { path: string }) => path)).toContain("/spec/template/spec/initContainers");
  const kustomize = parse(await run("kustomize"));
  expect(parse(kustomize.patches[0].patch)).toEqual(patch);
  expect(await run("table")).toMatch(/deployment\/xray +injected +triton +8000 +8471/);
  expect((await desk.run("inject", "-f", "-", "-o", "xml")).code).toBe(64);
});

test("explain goes rule by rule, render says what the webhook would", async () => {
  await using desk = await openDesk({ stdin: manifest });
  const { stdout, json } = {
    ...(await desk.run("explain", "-f", "-")),
    json: (await desk.run("explain", "-f", "-", "--json")).json,
  };
  expect(stdout).toMatch(/deployment\/xray {2}not injected/);
  expect(stdout).toMatch(/label +locum\.dev\/inject asks for it/);
  expect(stdout).toMatch(/stops at +numeric_service_port/);
  expect(json.at(-1)).toMatchObject({ explained: [{ outcome: "declined", reason: "numeric_service_port" }] });
  const answer = JSON.parse((await desk.run("render", "-f", "-")).stdout);
  expect(answer).toEqual({ allowed: true, warnings: [expect.stringContaining("numeric_service_port")] });
  await using watch = await openDesk({ stdin: manifest.replace("posture: tap", "posture: watch") });
  expect(JSON.parse((await watch.run("render", "-f", "-")).stdout)).toMatchObject({ patchType: "JSONPatch" });
});

test("diff --live without a cluster says what is missing, after the file's own lines", async () => {
  await using desk = await openDesk({ stdin: manifest.replace("posture: tap", "posture: watch") });
  const { code, stdout, stderr } = await desk.run("diff", "-f", "-", "--live");
  expect(code).toBe(64);
  expect(stdout).toContain("+        - name: locum-sidecar");
  expect(stderr).toContain("no kubeconfig");
});

test("a unit asks in a section of its own, and gets a unit beside it", async () => {
  const unit =
    "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/bin/tritonserver --model-repository=/srv/m\n[X-Locum]\nInject=enabled\n";
  await using desk = await openDesk({ stdin: unit });
  await writeFile(join(desk.dir, "triton.service"), unit);
  const { stdout } = await desk.run("inject", "-f", "triton.service");
  expect(stdout).toContain("Wants=locum-triton.service");
  expect((await desk.run("inject", "-f", "triton.service", "-o", "unit")).stdout).toContain(
    "BindsTo=triton.service",
  );
  await using back = await openDesk({ stdin: stdout });
  expect((await back.run("uninject", "-f", "-")).stdout).toBe(unit);
  expect((await desk.run("inject", "-f", "-")).code).toBe(64);
  expect((await desk.run("inject", "-f", "-", "--unit", "triton.service")).stdout).toBe(stdout);
});

test("values of the cluster come from a file; wrong ones are named", async () => {
  await using desk = await openDesk({ stdin: manifest.replace("posture: tap", "posture: watch") });
  await writeFile(
    join(desk.dir, "values.yaml"),
    "image: mine/sidecar@sha256:1\ndefaults: {memory-limit: 256Mi}\n",
  );
  const { stdout } = await desk.run("inject", "-f", "-", "--values", "values.yaml");
  expect(stdout).toContain("image: mine/sidecar@sha256:1");
  expect(stdout).toContain("memory: 256Mi");
  await writeFile(join(desk.dir, "values.yaml"), "imag: x\n");
  expect(await desk.run("inject", "-f", "-", "--values", "values.yaml")).toMatchObject({ code: 64 });
  expect(await desk.run("inject", "-f", "-", "--collector", "http://c")).toMatchObject({ code: 64 });
  expect(await desk.run("inject")).toMatchObject({ code: 64 });
  expect(await desk.run("inject", "-f", "nowhere.yaml")).toMatchObject({ code: 13 });
});

test("standard input of the program itself", async () => {
  await using desk = await openDesk();
  const main = new URL("../main.ts", import.meta.url).pathname;
  const child = execFile(process.execPath, [main, "inject", "-f", "-"], { cwd: desk.dir });
  let text = "";
  child.stdout?.on("data", (chunk: string) => {
    text += chunk;
  });
  child.stdin?.end(config);
  await new Promise((resolve) => child.once("close", resolve));
  expect(text).toBe(config);
});
