import { expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createSearchSource } from '../../src/metrics/search-metrics.ts';
import { AnsweringServer, json } from '../support/answering-server.ts';
import { createRig } from './rig.ts';

it('searches, failures and results of each place are exposed', async () => {
  const npm = await new AnsweringServer().start();
  npm.on(/^\/-\/v1\/search/, json({ objects: [{ package: { name: 'mcp-mail', version: '1.0.0' } }] }));
  const rig = await createRig({ npm: npm.url });
  const metrics = createMetrics({ sources: [createSearchSource(rig.discovery)] });
  await rig.search('mail');
  npm.on(/^\/-\/v1\/search/, json({}, 500));
  await rig.search('post');
  const lines = metrics.expose(undefined).body.split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'berth_searches_total{place="npm"} 2',
      'berth_search_failures_total{place="npm"} 1',
      'berth_search_results_total{place="npm"} 1',
      'berth_searches_total{place="templates"} 2',
      'berth_search_failures_total{place="templates"} 0',
    ]),
  );
  expect(lines.some((line) => line.startsWith('berth_search_seconds_total{place="npm"}'))).toBe(true);
  await rig.close();
  await npm.close();
});
