import type { Dice } from "./dice.ts";

/** How one document is written; drawn once for each. */
type Style = {
  eol: string;
  indent: number;
  /** Lists at the column of their key, as kubectl writes them, or deeper. */
  flatLists: boolean;
  flowShare: number;
  comments: number;
  anchors: number;
  trailing: string;
};
type Writer = { dice: Dice; style: Style; anchors: { name: string; json: string }[] };

/** A value as YAML in a random hand: block and flow, quotes, comments, blank lines, anchors, line ends, markers. */
export function writeYaml(value: unknown, dice: Dice): string {
  const style: Style = {
    eol: dice.chance(0.25) ? "\r\n" : "\n",
    indent: dice.pick([1, 2, 2, 2, 4]),
    flatLists: dice.chance(0.5),
    flowShare: dice.pick([0, 0, 0.15, 0.4]),
    comments: dice.pick([0, 0.1, 0.3]),
    anchors: dice.pick([0, 0, 0.6]),
    trailing: dice.pick(["", "", " ", "  \t"]),
  };
  const writer: Writer = { dice, style, anchors: [] };
  const { eol } = style;
  const json = dice.chance(0.15);
  const body = json
    ? `${JSON.stringify(value, null, dice.pick([0, 2, 4, "\t"])).replaceAll("\n", eol)}${eol}`
    : block(writer, value, 0).slice(eol.length);
  const head = dice.pick([
    "",
    "",
    `---${eol}`,
    `--- # start${eol}`,
    `# Source: chart/x.yaml${eol}`,
    `${eol}---${eol}# c${eol}`,
  ]);
  const tail = dice.pick(["", "", eol, `${eol}${eol}# end`, `...${eol}`]);
  const text = head + body + (json && tail.startsWith("#") ? "" : tail);
  return dice.chance(0.2) ? text.replace(/(\r?\n)+$/, "") : text;
}

/** Begins with a line break, so that it can follow a key. */
function block(writer: Writer, value: unknown, column: number): string {
  const { dice, style } = writer;
  const pad = " ".repeat(column);
  const lead = () => style.eol + commentLine(writer, column) + pad;
  if (Array.isArray(value))
    return (
      value.map((item) => `${lead()}-${afterDash(writer, item, column)}`).join("") +
      (column === 0 ? style.eol : "")
    );
  const pairs = Object.entries(value as object).map(
    ([key, child]) => `${lead()}${pair(writer, key, child, column)}`,
  );
  return pairs.join("") + (column === 0 ? style.eol : dice.chance(0.05) ? style.eol : "");
}

function afterDash(writer: Writer, item: unknown, column: number): string {
  const { dice, style } = writer;
  if (!isNested(item) || dice.chance(style.flowShare))
    return ` ${scalarOrFlow(writer, item)}${lineTail(writer)}`;
  const inner = column + 2;
  const lines = block({ ...writer, style: { ...style, comments: 0 } }, item, inner);
  if (Array.isArray(item) || dice.chance(0.2)) return `${lineTail(writer)}${lines}`;
  return ` ${lines.slice(style.eol.length + inner)}`;
}

function pair(writer: Writer, key: string, child: unknown, column: number): string {
  const { dice, style, anchors } = writer;
  const name = dice.chance(0.1) ? JSON.stringify(key) : plainKey(key);
  const json = JSON.stringify(child);
  const known = anchors.find((anchor) => anchor.json === json);
  if (known && dice.chance(style.anchors)) return `${name}: *${known.name}${lineTail(writer)}`;
  let mark = "";
  if (isNested(child) && json.length < 400 && dice.chance(style.anchors * 0.3)) {
    const anchor = { name: `a${anchors.length}`, json };
    anchors.push(anchor);
    mark = ` &${anchor.name}`;
  }
  if (isNested(child) && !dice.chance(style.flowShare)) {
    const deeper = Array.isArray(child) && style.flatLists ? column : column + style.indent;
    return `${name}:${mark}${lineTail(writer)}${block(writer, child, deeper)}`;
  }
  if (typeof child === "string" && child.includes("\n"))
    return `${name}: |${literal(writer, child, column + style.indent)}`;
  const gap = dice.chance(0.1) ? "   " : " ";
  return `${name}:${mark}${gap}${scalarOrFlow(writer, child)}${lineTail(writer)}`;
}

function literal({ style }: Writer, text: string, column: number): string {
  const chomp = text.endsWith("\n") ? "" : "-";
  const lines = text.replace(/\n$/, "").split("\n");
  return chomp + lines.map((line) => style.eol + " ".repeat(column) + line).join("");
}

function scalarOrFlow(writer: Writer, value: unknown): string {
  const { dice } = writer;
  if (Array.isArray(value))
    return list(
      "[",
      value.map((item) => scalarOrFlow(writer, item)),
      "]",
      dice,
    );
  if (typeof value === "object" && value !== null)
    return list(
      "{",
      Object.entries(value).map(
        ([key, child]) =>
          `${dice.chance(0.5) ? plainKey(key) : JSON.stringify(key)}: ${scalarOrFlow(writer, child)}`,
      ),
      "}",
      dice,
    );
  if (typeof value !== "string") return JSON.stringify(value);
  if (
    /^[A-Za-z/][A-Za-z0-9./:_-]*$/.test(value) &&
    !/^(yes|no|on|off|true|false|null|y|n)$/i.test(value) &&
    !value.endsWith(":") &&
    dice.chance(0.7)
  )
    return value;
  return dice.chance(0.4) && !/[\n\t\\]/.test(value)
    ? `'${value.replaceAll("'", "''")}'`
    : JSON.stringify(value);
}

function list(open: string, items: string[], close: string, dice: Dice): string {
  const gap = dice.chance(0.4) ? " " : "";
  const last = items.length > 0 && dice.chance(0.1) ? "," : "";
  return `${open}${gap}${items.join(dice.chance(0.3) ? " , " : ", ")}${last}${gap}${close}`;
}

const plainKey = (key: string): string => (/^[A-Za-z0-9./_-]+$/.test(key) ? key : JSON.stringify(key));

const commentLine = ({ dice, style }: Writer, column: number): string => {
  if (!dice.chance(style.comments)) return "";
  const at = dice.pick([0, column, column + 3]);
  return dice.pick([style.eol, `${" ".repeat(at)}# odd\ttab: {x}${style.eol}`, `#${style.eol}`]);
};

const lineTail = ({ dice, style }: Writer): string =>
  dice.chance(style.comments) ? " # why: *not* &this" : style.trailing;

const isNested = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0;
