/** What a scan may refuse, and the limits it holds. */

export interface ScanLimits {
  /** Nesting of objects and arrays. */
  readonly depth: number;
  /** Members and elements in the whole message. */
  readonly elements: number;
}

export const NO_LIMITS: ScanLimits = { depth: Number.POSITIVE_INFINITY, elements: Number.POSITIVE_INFINITY };

/** Why a scan refused: `syntax` is what `JSON.parse` refuses too, `envelope` breaks a rule of ours, `limit` passes a limit. */
export type ScanFault = 'syntax' | 'envelope' | 'limit';
