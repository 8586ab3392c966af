/** A part of the installation that servers need, and how it is. */
export interface Component {
  readonly name: string;
  readonly state: 'ok' | 'failing';
  /** What is wrong, or what is worth knowing. */
  readonly message?: string;
  /** Milliseconds since the epoch of when that was seen. */
  readonly seenAt: number;
}

/** Makes a component of a look that throws when something is wrong. */
export async function lookAt(name: string, look: () => unknown): Promise<Component> {
  const seenAt = Date.now();
  try {
    await look();
    return { name, state: 'ok', seenAt };
  } catch (thrown) {
    return {
      name,
      state: 'failing',
      message: thrown instanceof Error ? thrown.message : String(thrown),
      seenAt,
    };
  }
}
