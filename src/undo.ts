/** What a program has begun, to be undone as it ends. */

export type UndoStep = () => Promise<void> | void;

/** Takes a step that undoes what was just begun. */
export type Undo = (step: UndoStep) => void;

/** In reverse order. A step that fails keeps none of the others from being taken; rejects with what the first of them threw. */
export async function undoAll(steps: readonly UndoStep[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.toReversed()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
