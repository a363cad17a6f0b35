import { connect } from "node:net";
import { type AgentWord, parseAgentWord } from "./agent-word.ts";

/** Asks an agent-check port once. Undefined where nothing sensible was said in time. */
export function pollAgent({
  host,
  port,
  timeoutMs,
}: {
  host: string;
  port: number;
  timeoutMs: number;
}): Promise<AgentWord | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ host, port });
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const [line = ""] = text.split("\n", 1);
      resolve(parseAgentWord(line));
    };
    const timer = setTimeout(() => {
      text = "";
      finish();
    }, timeoutMs);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.includes("\n") || text.length > lineBytesMax) finish();
    });
    socket.on("end", finish);
    socket.on("error", finish);
  });
}

const lineBytesMax = 1_024;
