import { hash } from "node:crypto";

/** What a line of the log says of its place, read without parsing its event. */
export type RecordLine = {
  seq: number;
  previous: string;
  hash: string;
  /**
   * Whether its hash is that of its bytes, which nobody but the writer of the record, or of a whole other chain, could
   * have made.
   */
  isWhole(): boolean;
};

/** Of canonical JSON: `event` comes first, and the names that follow have one form each. */
const end = /,"hash":"([0-9a-f]{64})","previous":"([0-9a-f]{64})","seq":(0|[1-9]\d{0,15})\}$/;
const endLength = 200;

/** Some ten times as fast as by the schema. Undefined where it is no line of a log. */
export function readRecordLine(line: string): RecordLine | undefined {
  const found = end.exec(line.slice(-endLength));
  if (!found || !line.startsWith('{"event":{')) return undefined;
  const [tail, own = "", previous = "", seq = ""] = found;
  const body = () => `${line.slice(0, line.length - tail.length)},"previous":"${previous}","seq":${seq}}`;
  return { seq: Number(seq), previous, hash: own, isWhole: () => hash("sha256", body()) === own };
}
