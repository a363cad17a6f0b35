import { Fault, type FaultCode } from "@locum/contracts";

const depthMax = 64;
const numberToken = /-?(?:NaN|nan|Infinity|Inf|inf|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const space = /[ \t\n\r]*/y;

/** Recursive descent, only reached by texts that the engine's parser refuses. A class for its position alone. */
export class LooseReader {
  readonly text: string;
  readonly code: FaultCode;
  at = 0;

  constructor(text: string, code: FaultCode) {
    this.text = text;
    this.code = code;
  }

  document(): unknown {
    const value = this.value(0);
    this.skipSpace();
    if (this.at < this.text.length) this.fail();
    return value;
  }

  value(depth: number): unknown {
    if (depth > depthMax) throw new Fault(this.code, `JSON nested deeper than ${depthMax}`);
    this.skipSpace();
    const first = this.text[this.at];
    if (first === "[") return this.array(depth);
    if (first === "{") return this.object(depth);
    if (first === '"') return this.string();
    if (this.take("true")) return true;
    if (this.take("false")) return false;
    if (this.take("null")) return null;
    return this.number();
  }

  array(depth: number): unknown[] {
    const values: unknown[] = [];
    this.at++;
    if (this.closes("]")) return values;
    do values.push(this.value(depth + 1));
    while (this.goesOn("]"));
    return values;
  }

  object(depth: number): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    this.at++;
    if (this.closes("}")) return values;
    do {
      this.skipSpace();
      const key = this.string();
      this.skipSpace();
      if (!this.take(":")) this.fail();
      // Defined, not assigned: a key "__proto__" must stay a key.
      Object.defineProperty(values, key, {
        value: this.value(depth + 1),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    } while (this.goesOn("}"));
    return values;
  }

  string(): string {
    if (this.text[this.at] !== '"') this.fail();
    let end = this.at;
    let escapes: number;
    do {
      end = this.text.indexOf('"', end + 1);
      if (end < 0) this.fail();
      escapes = 0;
      while (this.text[end - 1 - escapes] === "\\") escapes++;
    } while (escapes % 2 === 1);
    try {
      const value = JSON.parse(this.text.slice(this.at, end + 1)) as string;
      this.at = end + 1;
      return value;
    } catch {
      return this.fail();
    }
  }

  number(): number {
    numberToken.lastIndex = this.at;
    const token = numberToken.exec(this.text)?.[0];
    if (token === undefined) return this.fail();
    this.at += token.length;
    if (/nan/i.test(token)) return Number.NaN;
    if (/inf/i.test(token))
      return token.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return Number(token);
  }

  take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  closes(bracket: string): boolean {
    this.skipSpace();
    return this.take(bracket);
  }

  goesOn(bracket: string): boolean {
    if (this.closes(bracket)) return false;
    if (!this.take(",")) this.fail();
    return true;
  }

  skipSpace(): void {
    space.lastIndex = this.at;
    space.exec(this.text);
    this.at = space.lastIndex;
  }

  fail(): never {
    throw new Fault(this.code, `not JSON: unexpected text at character ${this.at}`);
  }
}
