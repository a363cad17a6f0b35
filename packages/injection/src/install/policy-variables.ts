import type { InjectConfig } from "../config.ts";
import { type Key, keyTable } from "../keys.ts";
import { serverRows, weights } from "../recognise.ts";
import { volumeNames } from "../strip.ts";
import { meshSidecars } from "../target.ts";
import { literal } from "./cel.ts";
import { keysGoodVariable, keyText } from "./key-checks.ts";
import { limitExpressions } from "./policy-limits.ts";

export type Variable = { name: string; expression: string };

/** How an expression names a variable that stands above it. */
export const v = (name: string): string => `variables.${name}`;
export const isNativeVariable = "native";

/** `port`, `protocol` and `group` are what comes of keys and pod together; their keys have another name. */
const variableOf = (key: Key): string =>
  ["port", "protocol", "group"].includes(key) ? `${key}_key` : key.replaceAll("-", "_");
const list = (items: readonly (string | number)[]): string => `[${items.map(literal).join(", ")}]`;
const lists = (items: readonly (readonly string[])[]): string => `[${items.map(list).join(", ")}]`;
const row = (values: string): string => `${values}[int(${v("target")}.row)]`;

/** The steps of inject(), each as one variable: the API server works each out once, and only where it is asked for. */
export function policyVariables(config: InjectConfig): Variable[] {
  return [
    ...(Object.keys(keyTable) as Key[]).map((key) => ({
      name: variableOf(key),
      expression: keyText(key, config.defaults),
    })),
    keysGoodVariable(config.defaults),
    ...targetVariables(),
    ...portVariables(),
    ...pathVariables(),
    { name: "group", expression: groupExpression() },
    { name: isNativeVariable, expression: nativeExpression(config) },
    { name: "covered", expression: coveredExpression() },
  ];
}

function targetVariables(): Variable[] {
  const command = "(c.?command.orValue([]) + c.?args.orValue([]))";
  const images = serverRows.map(
    ({ image }, index) => `k.image.matches(${literal(image.source)}) ? ${index} : `,
  );
  const programs = serverRows.map(
    ({ program }, index) => `k.words.exists(w, w.matches(${literal(program.source)})) ? ${index} : `,
  );
  return [
    {
      // Words as recognise() splits them, one a line and a line end on both sides: a flag is then found by its line.
      name: "apps",
      expression: `object.spec.containers.filter(c, !(c.name in ${list([...meshSidecars])})).map(c, {"c": dyn(c), "image": dyn(c.?image.orValue("").lowerAscii()), "raw": dyn(${command}.join("\\n")), "words": dyn(${command}.join("\\n").findAll(${literal(`[^\\s"';&|\\\\]+`)}))})`,
    },
    {
      name: "known",
      expression: `${v("apps")}.map(k, {"c": k.c, "raw": k.raw, "words": k.words, "text": dyn("\\n" + k.words.join("\\n") + "\\n"), "row": dyn(${images.join("")}${programs.join("")}-1)})`,
    },
    {
      name: "targets",
      expression: `${v("known")}.filter(k, k.row >= 0 && (${v("container")} == "" || k.c.name == ${v("container")}))`,
    },
    { name: "target", expression: `${v("targets")}[0]` },
  ];
}

/** What the first flag that fits says, else the first variable of the environment that fits, else nothing. */
function saidExpression(
  flags: readonly (readonly string[])[],
  names: readonly (readonly string[])[],
  value: string,
): string {
  const pattern = `"\\n" + f + ${literal(`(=|\n)${value}\n`)}`;
  const env = `${v("target")}.c.?env.orValue([]).filter(e, e.name == n && has(e.value))`;
  const byFlag = `${row(lists(flags))}.map(f, ${v("target")}.text.find(${pattern}) == "" ? "" : ${v("target")}.text.find(${pattern}).substring(size(f) + 2).trim())`;
  const byEnv = `${row(lists(names))}.map(n, size(${env}) == 0 ? "" : ${env}[size(${env}) - 1].value).filter(t, t.matches(${literal(`^${value}$`)}))`;
  return `(${byFlag} + ${byEnv} + [""]).filter(t, t != "")`;
}

const firstOr = (name: string): string => `(size(${v(name)}) == 0 ? "" : ${v(name)}[0])`;
const digits = "[0-9]{1,5}";
const inRange = (text: string): string => `${text} != "" && int(${text}) >= 1 && int(${text}) <= 65535`;

function portVariables(): Variable[] {
  const rows = serverRows;
  const tcp = `${v("target")}.c.?ports.orValue([]).filter(p, p.?protocol.orValue("TCP") == "TCP").map(p, p.containerPort)`;
  return [
    {
      name: "portsSaid",
      expression: saidExpression(
        rows.map(({ portFlags = [] }) => portFlags),
        rows.map(({ portEnv = [] }) => portEnv),
        digits,
      ),
    },
    { name: "portSaid", expression: firstOr("portsSaid") },
    { name: "tcpPorts", expression: tcp },
    {
      name: "portDefault",
      expression: row(list(rows.map(({ port }) => port))),
    },
    {
      name: "port",
      expression: `${v("port_key")} != "" ? int(${v("port_key")}) : ${inRange(v("portSaid"))} ? int(${v("portSaid")}) : ${v("portDefault")} in ${v("tcpPorts")} || size(${v("tcpPorts")}) == 0 ? ${v("portDefault")} : ${v("tcpPorts")}[0]`,
    },
    {
      name: "grpcsSaid",
      expression: saidExpression(
        rows.map(({ grpc }) => grpc?.flags ?? []),
        rows.map(({ grpc }) => grpc?.env ?? []),
        digits,
      ),
    },
    { name: "grpcSaid", expression: firstOr("grpcsSaid") },
    { name: "grpcDefault", expression: row(list(rows.map(({ grpc }) => grpc?.port ?? 0))) },
    {
      name: "grpcKnown",
      expression: `${v("grpcDefault")} == 0 ? 0 : ${inRange(v("grpcSaid"))} ? int(${v("grpcSaid")}) : ${v("grpcDefault")}`,
    },
    { name: "grpcPort", expression: `${v("grpcKnown")} == ${v("port")} ? 0 : ${v("grpcKnown")}` },
    { name: "managementPort", expression: row(list(rows.map(({ management }) => management ?? 0))) },
    { name: "protocol", expression: protocolExpression() },
  ];
}

function protocolExpression(): string {
  const kserve = serverRows.findIndex(({ server }) => server === "kserve");
  const said = `${v("target")}.c.?env.orValue([]).filter(e, e.name == "PROTOCOL" && has(e.value))`;
  const word = `(size(${said}) == 0 ? "" : ${said}[size(${said}) - 1].value)`;
  return `${v("protocol_key")} != "auto" ? ${v("protocol_key")} : ${v("target")}.row == ${kserve} ? (${word} == "v2" ? "oip-v2-rest" : ${word} == "v1" ? "kserve-v1" : "") : ${row(list(serverRows.map(({ protocol }) => protocol ?? "")))}`;
}

function pathVariables(): Variable[] {
  const rows = serverRows;
  const bare = (path: string) => `(${path}.matches("^/+$") ? "/" : ${path}.find("^.*[^/]"))`;
  const folder = (path: string) =>
    `(${bare(path)}.matches(${literal(weights.source)}) ? (${bare(path)}.lastIndexOf("/") == 0 ? "/" : ${bare(path)}.substring(0, ${bare(path)}.lastIndexOf("/"))) : ${bare(path)})`;
  const isKserve = `${v("target")}.c.name == "kserve-container" || ${v("target")}.c.?volumeMounts.orValue([]).exists(m, m.mountPath.find("^.*[^/]") == "/mnt/models")`;
  const covers = `${v("path")} == m.mountPath.find("^.*[^/]") || ${v("path")}.startsWith(m.mountPath.find("^.*[^/]") + "/")`;
  const readOnlyKinds = ["configMap", "secret", "projected", "downwardAPI", "image", "gitRepo"];
  const claim = `${v("volume")}.?persistentVolumeClaim.?claimName.orValue("")`;
  return [
    {
      name: "pathsSaid",
      expression: saidExpression(
        rows.map(({ pathFlags = [] }) => pathFlags),
        rows.map(({ pathEnv = [] }) => pathEnv),
        "/[A-Za-z0-9._/@=+,-]*",
      ),
    },
    { name: "pathSaid", expression: firstOr("pathsSaid") },
    { name: "pathDefault", expression: row(list(rows.map(({ path }) => path ?? ""))) },
    {
      name: "path",
      expression: `${v("model_path")} == "none" ? "" : ${v("model_path")} != "" ? ${v("model_path")} : ${v("pathSaid")} != "" ? ${folder(v("pathSaid"))} : ${isKserve} ? "/mnt/models" : ${v("pathDefault")}`,
    },
    {
      name: "mounts",
      expression: `${v("path")} == "" ? [] : ${v("target")}.c.?volumeMounts.orValue([]).filter(m, ${covers})`,
    },
    {
      name: "longest",
      expression: `${v("mounts")}.filter(m, ${v("mounts")}.all(n, size(n.mountPath) <= size(m.mountPath)))`,
    },
    { name: "mount", expression: `${v("longest")}[0]` },
    {
      name: "modelDir",
      expression: `size(${v("longest")}) == 0 || ${v("mount")}.?subPathExpr.orValue("") != "" ? "" : ${v("path")}`,
    },
    {
      name: "volume",
      expression: `${v("modelDir")} == "" ? {} : object.spec.?volumes.orValue([]).filter(o, o.name == ${v("mount")}.name)[0]`,
    },
    {
      name: "readOnly",
      expression: `${list(readOnlyKinds)}.exists(k, k in ${v("volume")}) || ${v("volume")}.exists(k, k != "name" && ${v("volume")}[k].?readOnly.orValue(false) == true)`,
    },
    // The first 63 letters of pvc-CLAIM, and no mark at the end; pvc- itself is the service file's.
    {
      name: "claimVolume",
      expression: `size(${claim}) <= 59 ? ${claim} : ${claim}.substring(0, 59).find("^.*[a-z0-9]")`,
    },
  ];
}

/** ownerName(): the InferenceService, the workload above the pod, the prefix that names are made of, the name. */
function groupExpression(): string {
  const labels = "object.metadata.?labels.orValue({})";
  const owners = "object.metadata.?ownerReferences.orValue([])";
  const hash = `${labels}[?"pod-template-hash"].orValue("")`;
  const without = (name: string) =>
    `(${labels}[?"pod-template-hash"].hasValue() && ${name}.endsWith("-" + ${hash}) ? ${name}.substring(0, size(${name}) - size(${hash}) - 1) : ${name})`;
  const owner = `${owners}[0].?name.orValue("")`;
  const job = `(${owners}[0].?kind.orValue("") == "Job" && ${owner}.matches("-[0-9]{8}$") ? ${owner}.substring(0, size(${owner}) - 9) : ${owner})`;
  const generated = `object.metadata.?generateName.orValue("")`;
  const prefix = `(${generated}.endsWith("-") ? ${generated}.substring(0, size(${generated}) - 1) : ${generated})`;
  const candidates = [
    `${labels}[?"serving.kserve.io/inferenceservice"].orValue("")`,
    `(size(${owners}) == 0 ? "" : ${without(job)})`,
    without(prefix),
    `object.metadata.?name.orValue("")`,
  ];
  return `${v("group_key")} != "" ? ${v("group_key")} : ([${candidates.map((one) => `string(${one})`).join(", ")}].filter(n, n.matches("^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")) + [""])[0]`;
}

function nativeExpression({ native, kubeletMin }: InjectConfig): string {
  const isNew = kubeletMin !== undefined && Number(kubeletMin.slice(2)) >= 33;
  const said = `(${v("native_sidecar")} == "" ? ${literal(native)} : ${v("native_sidecar")})`;
  return `${said} == "always" || (${said} == "auto" && ${isNew})`;
}

/** In the order in which inject() asks, so that nothing is worked out of a pod that an earlier rule sends away. */
function coveredExpression(): string {
  const all = "(object.spec.containers + object.spec.?initContainers.orValue([]))";
  const control = `int(${v("control_port")})`;
  return [
    `object.spec.?os.?name.orValue("") != "windows"`,
    `object.spec.?nodeSelector[?"kubernetes.io/os"].orValue("") != "windows"`,
    "!object.spec.?hostNetwork.orValue(false)",
    `size(object.metadata.?name.orValue("")) <= 63`,
    `!object.spec.?volumes.orValue([]).exists(o, o.name in ${list(volumeNames)})`,
    v("keysGood"),
    ...limitExpressions(variableOf),
    `${v("group")} != ""`,
    `!${all}.exists(c, c.?ports.orValue([]).exists(p, p.containerPort == ${control} || p.?hostPort.orValue(0) == ${control}))`,
    `${v("port")} != ${control}`,
    `${v("grpcPort")} != ${control}`,
    `(${v(isNativeVariable)} || object.spec.?restartPolicy.orValue("Always") == "Always")`,
  ].join(" && ");
}
