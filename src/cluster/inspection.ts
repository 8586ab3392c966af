/** MCPServers that are there only until their package has been tried: marked, shown to nobody else, and removed at their time whoever has made them. */
import type { KubeObject, ObjectMeta } from './resources.ts';

/** The label of such an object, and the annotation that says how it is to be tried. */
export const INSPECTION = 'berth.dev/inspection';

export interface InspectionMark {
  /** RFC 3339 text: removed then, if it is still there. */
  readonly until: string;
  /** Made-up values of secret variables, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Milliseconds after its making at which one is removed that does not say when. */
const LONGEST = 60 * 60_000;

/** By both: one that somebody has put on a server alone does not make it go away. */
export function isInspection({ metadata: { labels, annotations } }: KubeObject): boolean {
  return labels?.[INSPECTION] !== undefined && annotations?.[INSPECTION] !== undefined;
}

/** The object for everybody but who has made it: undefined. */
export function unlessInspection<T extends KubeObject>(object: T | undefined): T | undefined {
  return object && isInspection(object) ? undefined : object;
}

export function inspectionMeta(mark: InspectionMark): Pick<ObjectMeta, 'labels' | 'annotations'> {
  return { labels: { [INSPECTION]: 'true' }, annotations: { [INSPECTION]: JSON.stringify(mark) } };
}

/** Undefined for an ordinary server. What is not readable is taken for a mark that says nothing. */
export function inspectionOf(object: KubeObject): InspectionMark | undefined {
  if (!isInspection(object)) return undefined;
  const { annotations, creationTimestamp = '' } = object.metadata;
  const made = Date.parse(creationTimestamp);
  const given = parse(annotations?.[INSPECTION]);
  const latest = (Number.isNaN(made) ? 0 : made) + LONGEST;
  const until = Math.min(Date.parse(String(given.until)) || latest, latest);
  return { until: new Date(until).toISOString(), secrets: texts(given.secrets) };
}

function parse(text = '{}'): Partial<Record<keyof InspectionMark, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function texts(value: unknown): Readonly<Record<string, string>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
