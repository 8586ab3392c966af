import { createInProcessLink } from '../../src/link/in-process.ts';
import { linkContract } from '../contract/link.ts';

linkContract('in the same program', (host) =>
  Promise.resolve({ link: () => createInProcessLink(host), close: () => Promise.resolve() }),
);
