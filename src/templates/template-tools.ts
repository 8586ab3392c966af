/** What the server of a template offers: as it was seen, else as its author says. */
import type { Template } from './template.ts';
import type { CheckedTool } from './template-check.ts';

/** Tools of the newest passed check, else those that stand in the template. */
export function toolsOf({ check, extras }: Template): readonly CheckedTool[] {
  if (check?.result === 'passed') return check.tools;
  return extras.tools.map((tool) => ({ parameters: [], ...withoutUndefined(tool) }));
}

function withoutUndefined({ name, description }: { name: string; description?: string | undefined }) {
  return { name, ...(description !== undefined && { description }) };
}
