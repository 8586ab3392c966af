/** Parameters of paths that several routes have. */
import type { PathParameter } from './route.ts';

export const SERVER_PARAMS = {
  name: { description: 'Name of the server.' },
} as const satisfies Record<string, PathParameter>;

export const TEMPLATE_PARAMS = {
  slug: { description: 'Name of the template.' },
} as const satisfies Record<string, PathParameter>;
