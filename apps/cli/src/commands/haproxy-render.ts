import { loadServiceFile } from "@locum/contracts";
import { defineCommand } from "../command.ts";
import { configFlag } from "../config-flag.ts";
import { renderHaproxy } from "../render-haproxy.ts";

export const haproxyRender = defineCommand({
  usage: "haproxy render",
  about:
    "Prints a backend for HAProxy: one server an instance, steered by the agent-check of its sidecar. In tap posture requests go through the taps, and straight to the models where every tap is dead.",
  examples: [["locum haproxy render > backend.cfg", "include it, then haproxy -c -f haproxy.cfg"]],
  flags: configFlag,
  async run({ flags, out }) {
    const { text, warnings } = renderHaproxy(await loadServiceFile(flags.config));
    out.say(text.trimEnd());
    for (const warning of warnings) out.progress(`note: ${warning}`);
    out.summary({ text, warnings });
    return 0;
  },
});
