import { expect, it } from "vitest";

it("runs on the pinned Node", () => expect(process.versions.node.split(".")[0]).toBe("26"));
