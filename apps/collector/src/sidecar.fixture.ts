import type { CollectorFrame, Command, CommandResult, Report, SidecarFrame } from "@locum/contracts";
import { WebSocket } from "ws";

/** The sidecar's end of the stream, as far as the collector can see it. Follows the commands that change its role. */
export type TestSidecar = {
  frames: CollectorFrame[];
  commands(): Command[];
  report(patch?: Partial<Report>): void;
  send(frame: SidecarFrame | Record<string, unknown>): void;
  raw(data: string | Buffer, options?: { binary: boolean }): void;
  closed: Promise<{ code: number; reason: string }>;
  isOpen(): boolean;
  end(): Promise<void>;
};

export const healthyReport = (patch: Partial<Report> = {}): Report => ({
  role: "standby",
  term: 0,
  epoch: 0,
  verdict: { kind: "healthy", evidence: [] },
  goldens: "proven",
  provenAgeMs: 10,
  bytes: "approved",
  tree: `sha256:${"1".repeat(64)}`,
  release: `sha256:${"2".repeat(64)}`,
  restorable: [`sha256:${"2".repeat(64)}`],
  quietMs: 60_000,
  fit: true,
  diverted: false,
  canRestart: false,
  inflight: 0,
  requestsPerSecond: 10,
  capacityPerSecond: 1000,
  p99Ms: 5,
  tap: null,
  control: null,
  policy: 0,
  ...patch,
});

type Options = {
  url: string;
  token: string;
  instance?: string;
  incarnation?: string;
  role?: Report["role"];
  hello?: Record<string, unknown> | null;
  /** Answers every command as done, and takes the role that it gives. */
  obey?: boolean;
};

export async function connectSidecar({
  url,
  token,
  instance = "a",
  incarnation = `boot-${instance}`,
  role = instance === "a" ? "active" : "standby",
  hello = {},
  obey = true,
}: Options): Promise<TestSidecar> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/stream`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const frames: CollectorFrame[] = [];
  let held = healthyReport({ role });
  let seq = 0;
  const send = (frame: SidecarFrame | Record<string, unknown>): void => socket.send(JSON.stringify(frame));
  const report = (patch: Partial<Report> = {}): void => {
    held = { ...held, ...patch };
    seq += 1;
    send({ kind: "report", seq, sentMs: performance.now(), report: held });
  };
  const answer = (command: Command): void => {
    const roles = { promote: "active", demote: "standby", fence: "fenced" } as const;
    const { kind } = command.act;
    const given = kind in roles ? { role: roles[kind as keyof typeof roles] } : {};
    const result: CommandResult = { id: command.id, outcome: "done", code: "ok", detail: "", tookMs: 1 };
    send({ kind: "result", result });
    report({ ...given, term: command.term, epoch: command.epoch });
  };
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as CollectorFrame;
    frames.push(frame);
    if (obey && frame.kind === "command") answer(frame.command);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })),
  );
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => undefined);
  const first = { kind: "hello", version: 1, service: "s", instance, incarnation, releases: [], ...hello };
  if (hello) send(first);
  return {
    frames,
    commands: () => frames.flatMap((frame) => (frame.kind === "command" ? [frame.command] : [])),
    report,
    send,
    raw: (data, options = { binary: typeof data !== "string" }) => socket.send(data, options),
    closed,
    isOpen: () => socket.readyState === WebSocket.OPEN,
    end: async () => {
      socket.close();
      await closed;
    },
  };
}
