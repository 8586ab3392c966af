/** Made-up values of another kind for servers that look at what they are given before they answer. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface KnownInputs {
  readonly env?: Readonly<Record<string, string>>;
}

/** A cluster that nobody can reach: the discard port of this machine. */
const KUBECONFIG = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'made-up', cluster: { server: 'https://127.0.0.1:9' } }],
  users: [{ name: 'made-up', user: { token: 'made-up' } }],
  contexts: [{ name: 'made-up', context: { cluster: 'made-up', user: 'made-up' } }],
  'current-context': 'made-up',
};

const KNOWN: Readonly<Record<string, (folder: string) => Promise<KnownInputs>>> = {
  kubernetes: async (folder) => {
    const file = join(folder, 'kubeconfig.json');
    await writeFile(file, JSON.stringify(KUBECONFIG), { mode: 0o600 });
    return { env: { KUBECONFIG: file } };
  },
};

/** Nothing for servers that take anything. `folder`: for files. */
export async function knownInputs(slug: string, folder: string): Promise<KnownInputs> {
  return Object.hasOwn(KNOWN, slug) ? ((await KNOWN[slug]?.(folder)) ?? {}) : {};
}
