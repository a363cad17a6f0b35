import type { AuditLog as Log } from "@locum/audit";
import { catchUp, openProjection } from "@locum/audit/projection";
import type { AuditLog } from "../audit-port.ts";

/**
 * A log's projection in SQLite, brought to the head before each question. One catching up serves all who wait.
 * @throws Fault conflict | disk-full | storage-failed
 */
export function openSearchable(
  file: string,
  log: Pick<Log, "lines" | "head">,
): Pick<AuditLog, "search"> & { close(): void } {
  const projection = openProjection(file);
  let running: Promise<unknown> | null = null;
  const follow = async (): Promise<void> => {
    while (projection.head().seq < log.head().seq) {
      running ??= catchUp(projection, log).finally(() => {
        running = null;
      });
      await running;
    }
  };
  return {
    async search(search) {
      await follow();
      return projection.search(search);
    },
    close: projection.close,
  };
}
