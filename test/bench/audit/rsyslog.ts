import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchDouble } from "./start-double.ts";

/** Everything that its documentation names against loss: a queue on disk, retries for ever, refused documents again. */
const configOf = ({ folder, file, port }: { folder: string; file: string; port: string }): string => `
global(workDirectory="${folder}/rsyslog" maxMessageSize="64k")
module(load="imfile")
module(load="omelasticsearch")
template(name="id" type="string" string="%msg:F,32:1%")
template(name="document" type="string" string="%msg:24:$%")
ruleset(name="again") {
  action(type="omelasticsearch" name="again" server="127.0.0.1" serverport="${port}" template="document"
         searchIndex="logs-locum.audit-default" searchType="" bulkmode="on" dynbulkid="on" bulkid="id" writeoperation="create"
         action.resumeretrycount="-1" action.resumeinterval="1")
}
ruleset(name="ship") {
  action(type="omelasticsearch" name="ship" server="127.0.0.1" serverport="${port}" template="document"
         searchIndex="logs-locum.audit-default" searchType="" bulkmode="on" dynbulkid="on" bulkid="id" writeoperation="create"
         retryfailures="on" retryruleset="again" errorfile="${folder}/rsyslog/errors"
         queue.type="LinkedList" queue.filename="ship" queue.size="20000" queue.dequeuebatchsize="1000"
         queue.saveonshutdown="on" queue.syncqueuefiles="on" queue.checkpointinterval="100"
         action.resumeretrycount="-1" action.resumeinterval="1")
}
input(type="imfile" file="${file}" tag="audit" ruleset="ship" persistStateInterval="1000" reopenOnTruncate="off")
`;

const quietMs = 15_000;
const longestMs = 600_000;

/** Runs it until nothing more comes, killed every so often. */
export async function runRsyslog({
  folder,
  file,
  double,
  count,
  killMs,
}: {
  folder: string;
  file: string;
  double: BenchDouble;
  count: number;
  killMs: number;
}): Promise<Record<string, number | string>> {
  await mkdir(join(folder, "rsyslog"), { recursive: true });
  const config = join(folder, "rsyslog.conf");
  await writeFile(config, configOf({ folder, file, port: new URL(double.url).port }));
  const start = (): ChildProcess =>
    spawn("rsyslogd", ["-n", "-f", config, "-i", join(folder, "rsyslog.pid")], { stdio: "ignore" });
  const found = async (): Promise<number> => (await double.account(count - 1)).found;
  const startedMs = performance.now();
  let [daemon, kills, last, changedMs] = [start(), 0, 0, performance.now()];
  let killAtMs = performance.now() + killMs;
  while (performance.now() - changedMs < quietMs && performance.now() - startedMs < longestMs) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = await found();
    if (now === count) break;
    if (now !== last) [last, changedMs] = [now, performance.now()];
    if (performance.now() < killAtMs || performance.now() - changedMs > 5000) continue;
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
    kills += 1;
    daemon = start();
    killAtMs = performance.now() + killMs;
  }
  daemon.kill("SIGTERM");
  await once(daemon, "exit");
  // What it was refused it writes down; what became of the rest it says nowhere.
  const told = await idsIn(join(folder, "rsyslog", "errors"));
  return { kills, unaccounted: Math.max(0, count - (await found()) - told) };
}

async function idsIn(file: string): Promise<number> {
  const text = await readFile(file, "utf8").catch(() => "");
  return new Set(text.match(/bench\.[0-9a-f]{16}/g)).size;
}
