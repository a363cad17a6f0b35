import type { AuditRecord } from "@locum/contracts";
import type { InstanceView } from "@locum/contracts/client";

/** What happens, for those who watch. Listeners must not throw and must not wait. */
export type EventBus = {
  audit(records: readonly AuditRecord[]): void;
  report(instance: InstanceView): void;
  subscribe(listener: EventListener): () => void;
  listeners(): number;
  /** Lets every watcher go. */
  close(): void;
};
export type EventListener = {
  audit(record: AuditRecord): void;
  report(instance: InstanceView): void;
  end(): void;
};

export function createEventBus(): EventBus {
  const listeners = new Set<EventListener>();
  return {
    audit(records) {
      for (const listener of listeners) for (const record of records) listener.audit(record);
    },
    report(instance) {
      for (const listener of listeners) listener.report(instance);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    listeners: () => listeners.size,
    close() {
      for (const listener of listeners) listener.end();
    },
  };
}
