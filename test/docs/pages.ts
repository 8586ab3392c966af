/** The project's pages, and what tests need to know of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Paths of all pages, relative to the checkout. */
export function pagePaths(): string[] {
  const markdown = (folder: string): string[] =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name));
  const templates = readdirSync(join(ROOT, 'registry-templates'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => markdown(join('registry-templates', name)));
  return [...markdown('.'), ...markdown('docs'), ...templates];
}

export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The page with the text between `<!-- name -->` and `<!-- end of name -->` replaced. */
export function withSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no section ${name}`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

/** A table whose cells may hold anything. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Targets of all links, code left out. */
export function linksOf(page: string): string[] {
  const text = withoutCode(page);
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
}

/** The anchors of all headings, as the usual renderers make them. */
export function anchorsOf(page: string): string[] {
  return [...withoutFences(page).matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Everything that is code, inline or in blocks. */
export function codeOf(page: string): string {
  const blocks = [...page.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
  const inline = [...withoutFences(page).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [...blocks, ...inline].join('\n');
}

function withoutFences(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '');
}

function withoutCode(page: string): string {
  return withoutFences(page).replace(/`[^`\n]*`/g, '');
}
