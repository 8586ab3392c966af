/** `/api/v1/settings`: what the gateway runs with. It is changed where it was given, before a start. */
import { z } from '@hono/zod-openapi';
import { checkManager } from './request-checks.ts';
import { type Api, addRoute } from './route.ts';

export interface SettingView {
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
}

const schema = z.object({
  settings: z.array(
    z.object({
      key: z.string().openapi({ description: 'As in the file, such as `limits.idle`.' }),
      value: z.unknown().openapi({
        description:
          'Durations in milliseconds, sizes in bytes; of keys their names; null where there is none.',
      }),
      source: z.string().openapi({ description: 'Where it was given; `default` where nowhere.' }),
    }),
  ),
});

export function addSettingRoutes(api: Api, settings: () => readonly SettingView[]): void {
  addRoute(
    api,
    {
      id: 'readSettings',
      method: 'get',
      path: '/api/v1/settings',
      tag: 'installation',
      summary: 'What the gateway runs with, and where each setting was given',
      description:
        'Needs the scope `manage`. Settings are changed where they were given, before the next start.',
      answers: { 200: { description: 'Every setting; no secret is among them.', schema } },
    },
    ({ context }) => {
      checkManager(context);
      return context.json({ settings: [...settings()] });
    },
  );
}
