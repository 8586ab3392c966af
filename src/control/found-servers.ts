/** What a search has found, as an agent can run it. */
import type { Found } from '../discovery/found.ts';

/** Something that can be run, as a search finds it. */
export interface Findable {
  /** What `run_server` takes. */
  readonly run: Readonly<Record<string, string>>;
  /** Its person is asked before it runs. */
  readonly needs_agreement: boolean;
  readonly title: string;
  readonly description: string;
  readonly is_mcp_server: string;
  readonly deprecated?: string;
  readonly replaced_by?: string;
}

/** Undefined for what cannot be run by its name. */
export function toFindable(found: Found): Findable | undefined {
  const run = runOf(found);
  return (
    run && {
      run,
      needs_agreement: run.template === undefined,
      title: found.title,
      description: found.description,
      is_mcp_server: found.mcp.verdict,
      ...(found.deprecated !== undefined && { deprecated: found.deprecated }),
      ...(found.replacedBy !== undefined && { replaced_by: found.replacedBy }),
    }
  );
}

function runOf({ template, package: found, remote }: Found): Record<string, string> | undefined {
  if (template !== undefined) return { template };
  if (found)
    return { [found.ecosystem]: found.name, ...(found.version !== undefined && { version: found.version }) };
  return remote && { url: remote.url };
}
