import { Fault } from "@locum/contracts";

export type NoteSignature = { name: string; keyId: Buffer; signature: Buffer };

/** A text and who signed it (C2SP signed-note). The text ends with a newline and holds no signature. */
export type SignedNote = { text: string; signatures: NoteSignature[] };

/** A checkpoint with a hundred witnesses is far below this. */
const bytesMax = 65_536;
const signaturesMax = 100;
// Names hold no space and no plus, so that a line has one reading only. The dash is escaped for the bundle's sake.
const signatureLine = /^\u2014 ([^\s+]{1,256}) ([A-Za-z0-9+/]{8,1024}={0,2})$/u;

/** @throws Fault evidence-invalid */
export function readNote(note: string): SignedNote {
  const broken = (what: string) => new Fault("evidence-invalid", `not a signed note: ${what}`);
  if (note.length > bytesMax) throw broken(`more than ${bytesMax} characters`);
  if (!note.isWellFormed() || hasControl(note)) throw broken("control characters or broken text");
  const split = note.lastIndexOf("\n\n");
  if (split === -1 || !note.endsWith("\n")) throw broken("no signatures below its text");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > signaturesMax) throw broken(`more than ${signaturesMax} signatures`);
  const signatures = lines.map((line) => {
    const [, name, base64] = signatureLine.exec(line) ?? [];
    if (name === undefined || base64 === undefined) throw broken("a line that is no signature");
    const bytes = Buffer.from(base64, "base64");
    if (bytes.length < 5 || bytes.toString("base64") !== base64) throw broken("a signature in broken base64");
    return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, split + 1), signatures };
}

export const noteText = ({ text, signatures }: SignedNote): string =>
  `${text}\n${signatures.map(signatureText).join("")}`;

export const signatureText = ({ name, keyId, signature }: NoteSignature): string =>
  `— ${name} ${Buffer.concat([keyId, signature]).toString("base64")}\n`;

/** @throws Fault evidence-invalid */
export function readSignature(line: string): NoteSignature {
  const [signature] = readNote(`text\n\n${line}`).signatures;
  if (signature) return signature;
  throw new Fault("evidence-invalid", "not a signed note: no signature");
}

const hasControl = (text: string): boolean =>
  [...text].some((character) => character !== "\n" && character < " ");
