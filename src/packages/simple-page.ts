/** A project's page of a Python package index (PEP 503 in HTML, PEP 691 in JSON): file names and where they are. */

/** Accepts both forms, JSON first. */
export const SIMPLE_PAGE_TYPES = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';

// A `>` may stand in a quoted value; the bound keeps an unclosed quote cheap.
const ANCHOR = /<a\s((?:"[^"]{0,4000}"|[^">])*)>([^<]*)<\/a>/gi;
const ATTRIBUTE = /([a-z-]+)(?:\s*=\s*"([^"]*)")?/gi;

export interface SimpleFile {
  readonly name: string;
  /** Absolute, without fragment. */
  readonly url: URL;
  /** The Python that it is for, such as `>=3.10`. */
  readonly requiresPython?: string;
  /** Withdrawn; the reason, which may be empty. */
  readonly yanked?: string;
  readonly uploaded?: string;
  /** Bytes. */
  readonly size?: number;
  /** The index has a statement of where it was built (PEP 740). */
  readonly attested?: boolean;
}

export interface SimplePage {
  readonly files: readonly SimpleFile[];
  /** What the index says about the project: `active`, `archived`, `deprecated` or `quarantined` (PEP 792). */
  readonly status?: { readonly status: string; readonly reason?: string };
}

type Json = Readonly<Record<string, unknown>>;

/** Files in the order of the page; `base` is the page's own address. Throws for a JSON page that is none. */
export function parseSimplePage(text: string, type: string, base: URL): SimpleFile[] {
  return [...readSimplePage(text, type, base).files];
}

/** The whole page, in the form that the answer's type says. Throws for a JSON page that is none. */
export function readSimplePage(text: string, type: string, base: URL): SimplePage {
  return type.includes('json') ? fromJson(text, base) : fromHtml(text, base);
}

function fromJson(text: string, base: URL): SimplePage {
  const page = JSON.parse(text) as { files?: readonly Json[]; 'project-status'?: Json };
  const files = (page.files ?? []).flatMap((file) => {
    const { filename, url } = file;
    if (typeof filename !== 'string' || typeof url !== 'string') return [];
    return toFile(filename, url, base).map((one) => ({ ...one, ...jsonFacts(file) }));
  });
  const { status, reason } = page['project-status'] ?? {};
  if (typeof status !== 'string') return { files };
  return { files, status: { status, ...(typeof reason === 'string' && { reason }) } };
}

function jsonFacts(file: Json): Omit<SimpleFile, 'name' | 'url'> {
  const { yanked, size } = file;
  const uploaded = file['upload-time'];
  const python = file['requires-python'];
  return {
    ...(typeof python === 'string' && { requiresPython: python }),
    ...(yanked === true && { yanked: '' }),
    ...(typeof yanked === 'string' && { yanked }),
    ...(typeof uploaded === 'string' && { uploaded }),
    ...(typeof size === 'number' && { size }),
    ...('provenance' in file && { attested: typeof file.provenance === 'string' }),
  };
}

function fromHtml(text: string, base: URL): SimplePage {
  const files = [...text.matchAll(ANCHOR)].flatMap(([, inner = '', name = '']) => {
    const attributes = new Map(
      [...inner.matchAll(ATTRIBUTE)].map(([, key = '', value = '']) => [
        key.toLowerCase(),
        decodeEntities(value),
      ]),
    );
    const href = attributes.get('href');
    if (href === undefined) return [];
    const python = attributes.get('data-requires-python');
    const yanked = attributes.get('data-yanked');
    return toFile(name.trim(), href, base).map((file) => ({
      ...file,
      ...(python !== undefined && { requiresPython: python }),
      ...(yanked !== undefined && { yanked }),
      ...(attributes.has('data-provenance') && { attested: true }),
    }));
  });
  const meta = (name: string) =>
    new RegExp(`<meta\\s+name="pypi:${name}"\\s+content="([^"]*)"`, 'i').exec(text)?.[1];
  const status = meta('project-status');
  const reason = meta('project-status-reason');
  if (status === undefined) return { files };
  return { files, status: { status, ...(reason !== undefined && { reason: decodeEntities(reason) }) } };
}

function decodeEntities(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

function toFile(name: string, href: string, base: URL): SimpleFile[] {
  if (!URL.canParse(href, base.href)) return [];
  const url = new URL(href, base);
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return [];
  if (url.origin === base.origin) {
    url.username = base.username;
    url.password = base.password;
  }
  return [{ name, url }];
}
