/** From what a person types to the words that are looked for. */

/** Words that say nothing about what is wanted. */
const SILENT: ReadonlySet<string> = new Set(
  `a about all an and any are as at be by can do does find for from get give have help how i in into is it its let like me my need of on
  or our out please server servers mcp some something so that the their them this to tool tools use using via want we what which with you
  your`.split(/\s+/),
);

/** What people say for what templates are called. */
const MEANINGS: Readonly<Record<string, readonly string[]>> = {
  postgresql: ['postgres'],
  pg: ['postgres'],
  psql: ['postgres'],
  db: ['database'],
  mongo: ['mongodb'],
  k8s: ['kubernetes'],
  kube: ['kubernetes'],
  repo: ['repositories'],
  website: ['web'],
  internet: ['web'],
  google: ['search', 'web'],
  online: ['web'],
  url: ['fetch', 'web'],
  page: ['web', 'fetch'],
  webpage: ['fetch', 'web'],
  download: ['fetch'],
  scraping: ['scrape'],
  scraper: ['scrape'],
  crawling: ['crawl'],
  browsing: ['browser'],
  browse: ['browser'],
  click: ['browser'],
  screenshot: ['browser'],
  headless: ['browser'],
  puppeteer: ['browser'],
  doc: ['documentation'],
  docs: ['documentation'],
  docx: ['word'],
  xlsx: ['excel'],
  spreadsheet: ['excel'],
  pptx: ['powerpoint'],
  slide: ['powerpoint'],
  folder: ['files'],
  directory: ['files'],
  disk: ['files'],
  file: ['files', 'filesystem'],
  ticket: ['issues'],
  bug: ['issues', 'errors'],
  exception: ['errors'],
  crash: ['errors'],
  pr: ['pull', 'requests'],
  mr: ['merge', 'requests'],
  payment: ['payments'],
  pay: ['payments'],
  customer: ['crm'],
  crm: ['contacts'],
  note: ['notes'],
  remember: ['memory'],
  recall: ['memory'],
  clock: ['time'],
  date: ['time'],
  think: ['thinking'],
  reason: ['thinking', 'reasoning'],
  plan: ['thinking'],
  shell: ['terminal', 'commands'],
  bash: ['terminal', 'commands'],
  command: ['terminal'],
  chat: ['messages'],
  message: ['messages', 'chat'],
  monitor: ['monitoring'],
  metric: ['metrics', 'monitoring'],
  dashboard: ['dashboards'],
  embedding: ['vector'],
  semantic: ['vector'],
  amazon: ['aws'],
  s3: ['aws'],
  commit: ['git'],
  branch: ['git'],
  mockup: ['design'],
  convert: ['markdown'],
};

/** Lower case, split at everything that is no letter or digit and where camelCase begins a word. */
export function tokenize(text: string): string[] {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** One form for singular and plural; null for a word that says nothing. */
export function toTerm(word: string): string | null {
  if (SILENT.has(word)) return null;
  return stem(word);
}

/** The terms of a query, with what they mean. */
export function toTerms(query: string): { readonly said: string[]; readonly meant: string[] } {
  // Typed in capitals, a query is no camelCase.
  const words = tokenize(query.toLowerCase());
  const said = words.flatMap((word) => toTerm(word) ?? []);
  const meant = words.flatMap((word) => meaningsOf(word).flatMap((meaning) => toTerm(meaning) ?? []));
  return { said: [...new Set(said)], meant: [...new Set(meant)].filter((term) => !said.includes(term)) };
}

function meaningsOf(word: string): readonly string[] {
  const own = Object.hasOwn(MEANINGS, word) ? MEANINGS[word] : undefined;
  const singular = stem(word);
  return own ?? (Object.hasOwn(MEANINGS, singular) ? (MEANINGS[singular] ?? []) : []);
}

function stem(word: string): string {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.length > 3 && word.endsWith('s') && !/(ss|us|is)$/.test(word)) return word.slice(0, -1);
  return word;
}
