/** Null for the whole server. */
export type Models = readonly string[] | null;

export type GoldenPause = {
  isPaused(id: string): boolean;
  /** Nothing may be started at all. */
  isWhole(): boolean;
  /** Changes when answers of questions that run now are not wanted any more. */
  eraOf(id: string): number;
  belongsTo(id: string, models: Models): boolean;
  pause(on: boolean, models: Models): void;
  reset(models: Models): void;
};

/** Which questions wait for an act of repair: all of them, or those to the models that it touches. */
export function createGoldenPause(modelOf: (id: string) => string | undefined): GoldenPause {
  const paused = new Set<string>();
  const eras = new Map<string, number>();
  let whole = false;
  let era = 0;
  const nameOf = (id: string): string => modelOf(id) ?? "";
  return {
    isPaused: (id) => paused.size > 0 && paused.has(nameOf(id)),
    isWhole: () => whole,
    eraOf: (id) => era + (eras.get(nameOf(id)) ?? 0),
    belongsTo: (id, models) => models === null || models.includes(nameOf(id)),
    pause(on, models) {
      if (models === null) whole = on;
      for (const model of models ?? [])
        if (on) paused.add(model);
        else paused.delete(model);
    },
    reset(models) {
      if (models === null) era += 1;
      for (const model of models ?? []) eras.set(model, (eras.get(model) ?? 0) + 1);
    },
  };
}
