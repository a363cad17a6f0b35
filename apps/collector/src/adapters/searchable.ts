import type { AuditLog as Log } from "@locum/audit";
import { catchUp, openProjection, type Projection } from "@locum/audit/projection";
import type { AuditLog } from "../audit-port.ts";
import { createSearchThread } from "../search/search-thread.ts";

/**
 * A log's projection in SQLite, brought to the head before each question and asked on a thread of its own. One catching
 * up serves all who wait.
 * @throws Fault conflict | disk-full | storage-failed
 */
export function openSearchable(
  file: string,
  log: Pick<Log, "lines" | "head">,
): Pick<AuditLog, "search"> & { close(): Promise<void> } {
  let edition = 1;
  const opened = openProjection(file);
  const projection: Projection = {
    ...opened,
    reset() {
      opened.reset();
      edition += 1;
    },
  };
  const thread = createSearchThread(file);
  let running: Promise<unknown> | null = null;
  // A file as long as the log may still be another log's: the first catching up tells.
  let isOfLog = false;
  const follow = async (): Promise<void> => {
    while (!isOfLog || projection.head().seq < log.head().seq) {
      running ??= catchUp(projection, log).finally(() => {
        running = null;
      });
      await running;
      isOfLog = true;
    }
  };
  return {
    async search(search) {
      await follow();
      return thread.search(search, edition);
    },
    async close() {
      await thread.close();
      opened.close();
    },
  };
}
