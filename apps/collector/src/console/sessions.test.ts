import { createRandom } from "@locum/runtime";
import { expect, test } from "vitest";
import { codeMs, createSessions, sessionMs } from "./sessions.ts";

const reader = { name: "viewer", role: "viewer" };

function rig() {
  const time = { ms: 0 };
  return {
    time,
    sessions: createSessions({ clock: { monotonicMs: () => time.ms }, random: createRandom(1) }),
  };
}

test("a session is known until it ends, by its own key only", () => {
  const { time, sessions } = rig();
  const id = sessions.open(reader);
  expect(sessions.reader(id)).toEqual(reader);
  expect(sessions.reader(undefined)).toBeNull();
  expect(sessions.reader(`${id}x`)).toBeNull();
  time.ms = sessionMs - 1;
  expect(sessions.reader(id)).toEqual(reader);
  time.ms = sessionMs;
  expect(sessions.reader(id)).toBeNull();
});

test("who logs out is not known any more", () => {
  const { sessions } = rig();
  const [id, other] = [sessions.open(reader), sessions.open(reader)];
  sessions.end(id);
  expect([sessions.reader(id), sessions.reader(other)]).toEqual([null, reader]);
});

test("a code is good once and for minutes, and is no session", () => {
  const { time, sessions } = rig();
  const code = sessions.issueCode(reader);
  expect(sessions.reader(code)).toBeNull();
  expect(sessions.redeem(code)).toEqual(reader);
  expect(sessions.redeem(code)).toBeNull();
  const late = sessions.issueCode(reader);
  time.ms += codeMs;
  expect(sessions.redeem(late)).toBeNull();
});

test("there are at most so many sessions: the oldest make room", () => {
  const { sessions } = rig();
  const ids = Array.from({ length: 1001 }, () => sessions.open(reader));
  expect(sessions.reader(ids[0])).toBeNull();
  expect(sessions.reader(ids[1])).toEqual(reader);
  expect(sessions.reader(ids[1000])).toEqual(reader);
});
