// The official client's bulk helper on a file of documents, as its documentation shows it: node helper-child.ts FILE URL.
// Prints what it says of itself at the end.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Client } from "@elastic/elasticsearch";

const [file = "", url = ""] = process.argv.slice(2);
const client = new Client({ node: url });
async function* documents(): AsyncGenerator<{ id: string; text: string }> {
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const at = line.indexOf(" ");
    yield { id: line.slice(0, at), text: line.slice(at + 1) };
  }
}
let dropped = 0;
try {
  const result = await client.helpers.bulk<{ id: string; text: string }>({
    datasource: documents(),
    onDocument: ({ id, text }) => [
      { create: { _index: "logs-locum.audit-default", _id: id } },
      JSON.parse(text),
    ],
    onDrop: () => {
      dropped += 1;
    },
  });
  process.stdout.write(`${JSON.stringify({ ...result, dropped })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: String(error), dropped })}\n`);
}
process.exit(0);
