/** What the API says of templates, as functions over its client. */
import type { ApiClient } from './client.ts';

export interface TemplateAnswer {
  readonly slug: string;
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly type: string;
  readonly category: string;
  readonly tags: readonly string[];
  readonly status: string;
  readonly statusMessage?: string;
  readonly warning?: string;
  readonly replacedBy?: readonly string[];
  readonly verified: boolean;
  /** Why it is not verified. */
  readonly reason?: string;
  readonly checkedAt?: string;
  readonly origin: string;
  readonly package?: { readonly type: string; readonly name: string; readonly version: string | null };
  readonly remote?: { readonly url: string };
  readonly variables: readonly {
    readonly name: string;
    readonly description?: string;
    readonly required: boolean;
    readonly secret: boolean;
    readonly default?: string;
  }[];
  readonly arguments: readonly {
    readonly name?: string;
    readonly description?: string;
    readonly required: boolean;
    readonly default?: string;
  }[];
}

export interface TemplateDetails extends TemplateAnswer {
  readonly tools: readonly { readonly name: string; readonly description?: string }[];
  readonly install?: string;
  readonly readme: string;
}

export interface ImportAnswer {
  readonly imported: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly detail: string }[];
}

export interface RevisionAnswer {
  readonly revision: number;
  readonly at: string;
  readonly change: string;
}

/** Query parameters by name; undefined ones are left out. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export function listTemplates(client: ApiClient, query: Query): Promise<TemplateAnswer[]> {
  return client.pages(`/templates${toQuery(query)}`, 'templates');
}

export function getTemplate(client: ApiClient, slug: string): Promise<TemplateDetails> {
  return client.json(`/templates/${encodeURIComponent(slug)}`);
}

export function removeTemplate(client: ApiClient, slug: string): Promise<void> {
  return client.send(`/templates/${encodeURIComponent(slug)}`, { method: 'DELETE' });
}

export async function templateHistory(client: ApiClient, slug: string): Promise<RevisionAnswer[]> {
  const path = `/templates/${encodeURIComponent(slug)}/history`;
  return (await client.json<{ history: RevisionAnswer[] }>(path)).history;
}

export function catalogueStatistics(client: ApiClient): Promise<Readonly<Record<string, unknown>>> {
  return client.json('/catalogue/statistics');
}

export function exportCatalogue(client: ApiClient, query: Query): Promise<unknown> {
  return client.json(`/catalogue/export${toQuery(query)}`);
}

export function importTemplates(client: ApiClient, body: unknown, replace: boolean): Promise<ImportAnswer> {
  return client.json(`/catalogue/import?replace=${replace}`, { method: 'POST', body });
}

export interface ValidationAnswer {
  readonly valid: boolean;
  readonly slug?: string;
  readonly taken?: boolean;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

export function validateTemplate(client: ApiClient, body: unknown): Promise<ValidationAnswer> {
  return client.json('/catalogue/validate', { method: 'POST', body });
}

function toQuery(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined ? [] : [[name, one] as [string, string]])),
  );
  return pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : '';
}
