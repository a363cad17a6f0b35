export type Colour = "good" | "warn" | "bad" | "dim" | "bold";
export type Paint = (colour: Colour, text: string) => string;

const codes: Record<Colour, number> = { good: 32, warn: 33, bad: 31, dim: 2, bold: 1 };

export function paintFor(colours: boolean): Paint {
  return colours ? (colour, text) => `\u001b[${codes[colour]}m${text}\u001b[0m` : (_, text) => text;
}
