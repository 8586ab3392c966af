/**
 * `npm run catalogue:check [-- slug…]`: installs each template that has an npm or PyPI package with Berth's own installer, starts
 * it (with made-up values for what it demands), lists its tools, and writes what came of it to `check.json` beside the template.
 *
 * --parallel N   checks at one time; 2 by default
 * --dry-run      tells the results and writes nothing
 *
 * Ends with 0 when every check was made, whatever came of it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadCatalogue } from '../../src/templates/catalogue.ts';
import type { Template } from '../../src/templates/template.ts';
import { checkedPackage, type TemplateCheck } from '../../src/templates/template-check.ts';
import { checkTemplate } from './check.ts';
import { openGateway } from './gateway.ts';

const TEMPLATES = fileURLToPath(new URL('../../registry-templates', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { parallel: { type: 'string', default: '2' }, 'dry-run': { type: 'boolean', default: false } },
});

const catalogue = await loadCatalogue(TEMPLATES);
for (const { slug, error } of catalogue.problems) throw new Error(`${slug}: ${error.message}`);
const chosen = positionals.length > 0 ? positionals.map((slug) => catalogue.get(slug)) : catalogue.list();
const waiting = chosen.filter(
  (template) => checkedPackage(template) !== undefined && template.extras.status !== 'unavailable',
);
const total = waiting.length;

async function work(): Promise<void> {
  const gateway = await openGateway();
  try {
    for (let template = waiting.shift(); template !== undefined; template = waiting.shift())
      await checkOne(template, gateway);
  } finally {
    await gateway.close();
  }
}

async function checkOne(template: Template, gateway: Awaited<ReturnType<typeof openGateway>>): Promise<void> {
  const started = Date.now();
  const check = await checkTemplate(template, gateway);
  const seconds = ((Date.now() - started) / 1_000).toFixed(0);
  const what = check.failure
    ? `failed in phase ${check.failure.phase ?? '-'}: ${check.failure.message}`
    : `${check.tools.length} tools`;
  console.log(`${template.slug.padEnd(20)} ${check.result} after ${seconds} s, ${what}`);
  if (values['dry-run']) return;
  await writeFile(join(TEMPLATES, template.slug, 'check.json'), toText(check));
}

/** One tool a line, so that a difference can be read. */
function toText({ tools, ...about }: TemplateCheck): string {
  const head = JSON.stringify({ ...about, tools: [] }, null, 2);
  const lines = tools.map((tool) => `\n    ${JSON.stringify(tool)}`);
  return `${head.replace(/"tools": \[\]/, () => `"tools": [${lines.join(',')}${lines.length > 0 ? '\n  ' : ''}]`)}\n`;
}

await Promise.all(Array.from({ length: Math.min(Number(values.parallel), total) }, work));
