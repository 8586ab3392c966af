/** One bounded GET through the same HTTP client as npm's, for its proxies, certificates and redirects. */

import fetchRegistry from 'npm-registry-fetch';
import type { PackagePhase } from './package.ts';
import { type Heard, registrySilent, whileHeard } from './silence.ts';

/** Milliseconds until the beginning of an answer; silence is noticed long before. */
const TIMEOUT_MS = 300_000;

export interface GetOptions {
  readonly accept?: string;
  readonly maxBytes: number;
  /** PEM text of the certificate authorities to trust instead of Node's. */
  readonly ca?: string | undefined;
  /** Milliseconds that the host may say nothing. */
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
  readonly phase: PackagePhase;
}

/** Credentials in the URL are sent as a header, to its host only. Rejects for a status other than 2xx, for too many bytes and for silence. */
export async function httpGet(url: URL, options: GetOptions): Promise<{ type: string; body: Buffer }> {
  const { silence, signal, phase } = options;
  const silent = () => registrySilent(phase, url.host, silence);
  return await whileHeard({ silence, signal, silent }, (link) => get(url, options, link));
}

async function get(
  url: URL,
  options: GetOptions,
  { signal, heard }: Heard,
): Promise<{ type: string; body: Buffer }> {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  const response = await fetchRegistry(bare.href, {
    registry: `${bare.origin}/`,
    headers: { accept: options.accept ?? '*/*', ...authorization(url) },
    timeout: TIMEOUT_MS,
    retry: { retries: 1, factor: 2, minTimeout: 200, maxTimeout: 1_000 },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    signal,
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    heard();
    const piece = Buffer.from(chunk as Uint8Array);
    bytes += piece.length;
    if (bytes > options.maxBytes) throw new Error(`more than ${options.maxBytes} bytes`);
    chunks.push(piece);
  }
  return { type: response.headers.get('content-type') ?? '', body: Buffer.concat(chunks) };
}

function authorization(url: URL): Record<string, string> {
  if (url.username === '' && url.password === '') return {};
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}
