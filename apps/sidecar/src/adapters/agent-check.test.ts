import { connect, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { parseAgentWord } from "../tap/agent-word.ts";
import { type AgentView, agentWord, createAgentCheck } from "./agent-check.ts";

const base: AgentView = {
  posture: "tap",
  exclusive: false,
  role: "active",
  mayServe: true,
  diverted: false,
  drained: false,
  failure: null,
  fit: true,
  peerFit: true,
  failClosed: false,
  partial: false,
  partlyFit: false,
  shadow: false,
};
const standby = { role: "standby" } as const;
const wrong = { diverted: true, failure: "wrong-output", fit: false };
const watch = { posture: "watch" } as const;

describe("the word for a balancer", () => {
  it.each<[string, Partial<AgentView>, string]>([
    ["a right active", {}, "up ready 100%"],
    ["an active that is not proven yet", { fit: false }, "up ready 100%"],
    ["a fit standby comes after all others", standby, "up ready 1%"],
    ["an unfit standby whose tap forwards", { ...standby, fit: false }, "up ready 1%"],
    ["an unfit standby alone", { ...standby, fit: false, peerFit: false }, "drain"],
    ["a wrong active whose tap forwards", wrong, "up ready 1%"],
    ["a wrong active in watch posture", { ...wrong, ...watch }, "down#wrong-output"],
    ["drained by a person in watch posture", { ...watch, diverted: true, drained: true }, "drain"],
    ["drained, and nobody else is fit", { diverted: true, drained: true, peerFit: false }, "up ready 100%"],
    ["a soft verdict that may not divert", { failure: "hung", fit: false }, "up ready 1%"],
    ["a fenced one", { role: "fenced", mayServe: false }, "drain"],
    ["an exclusive active", { exclusive: true }, "up ready 100%"],
    ["an exclusive standby", { exclusive: true, ...standby, mayServe: false }, "drain"],
    ["one wrong model of several, whose tap parts them", { partial: true, fit: false }, "up ready 100%"],
    ["one wrong model of several in watch posture", { ...watch, partial: true, fit: false }, "up ready 1%"],
    [
      "one wrong model, in watch posture, and somebody fit for all",
      { ...watch, partial: true, fit: false, diverted: true },
      "drain",
    ],
    [
      "one wrong model, fail closed, and nobody else: the tap refuses its requests",
      { partial: true, partlyFit: true, fit: false, failClosed: true, peerFit: false },
      "up ready 100%",
    ],
    ["a shadow, however fit", { shadow: true }, "drain"],
    [
      "fail closed, wrong, and nobody else",
      { ...wrong, failClosed: true, peerFit: false },
      "down#wrong-output",
    ],
    [
      "fail closed, not proven, in watch posture",
      { ...watch, failClosed: true, fit: false },
      "down#unproven",
    ],
  ])("%s", (_name, change, word) => {
    expect(agentWord({ ...base, ...change })).toBe(word);
    expect(parseAgentWord(word)).toBeDefined();
  });
});

describe("the agent-check", () => {
  let server: Server;
  afterEach(() => server.close());

  it("says one line at once and closes, whatever is sent to it", async () => {
    server = createAgentCheck(() => "up ready 100%");
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const said = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect({ port, host: "127.0.0.1" });
      socket.write(Buffer.alloc(65_536, "x"));
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
    });
    expect(said).toBe("up ready 100%\n");
  });
});
