/** Ours, and no business of a model server's or a hook's. */
const own = /^(LOCUM_|OTEL_EXPORTER_OTLP_(\w+_)?HEADERS$|NODE_CHANNEL_)/;

/** The environment of what a driver starts: this process' own without Locum's settings and secrets. */
export function programEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}
