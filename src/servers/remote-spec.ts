/** A remote server as a person asks for it: a URL, and the headers that it needs, whose values are never given here. */
import { z } from 'zod';
import { isWebSocketUrl, REMOTE_TRANSPORTS } from '../supervisor/remote-transport.ts';
import type { HeaderReference } from './secret-reference.ts';
import { parseHeaderReference, toHeaderReference } from './secret-reference.ts';
import { secretKeySchema } from './workload-spec.ts';

const URL_EXPECTED = 'must be an https or wss URL (http and ws only for hosts that the operator has listed)';
/** Query parameters with such names hold what may not be shown. */
const CREDENTIAL =
  /token|secret|passw|credential|signature|authorization|jwt|key$|^(auth|sig|pwd|sessionid)$/;
/** Written by the channel itself, or about the connection and nothing else. */
const OWN_HEADERS =
  /^(mcp-.*|host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-.*|accept|accept-encoding|expect|last-event-id|forwarded|x-forwarded-.*)$/;

const url = z
  .string()
  .max(2_048)
  .transform((text, context): string => {
    const parsed = URL.parse(text.trim());
    const fault = parsed ? urlFault(parsed) : URL_EXPECTED;
    if (parsed && fault === undefined) return parsed.href;
    context.addIssue({ code: 'custom', message: fault ?? URL_EXPECTED });
    return z.NEVER;
  });

function urlFault(parsed: URL): string | undefined {
  if (!/^(https?|wss?):$/.test(parsed.protocol)) return URL_EXPECTED;
  if (parsed.username !== '' || parsed.password !== '')
    return 'may not hold a user name or a password: give them in headers, by reference';
  if (parsed.hash !== '') return 'may not have a fragment';
  if ([...parsed.searchParams.keys()].some(isCredential))
    return 'may not hold a credential in its query: give it in headers, by reference';
  return undefined;
}

function isCredential(name: string): boolean {
  return CREDENTIAL.test(name.toLowerCase().replace(/[^a-z]/g, ''));
}

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'must be the name of a header')
  .refine((name) => !OWN_HEADERS.test(name.toLowerCase()), 'is written by Berth itself');

const REFERENCE =
  'must be a reference, never a value: env:NAME, file:/absolute/path, secret:NAME, Bearer env:NAME, {"fromEnv": …}, {"fromFile": …} or {"fromStore": …}';
const scheme = z.string().optional();

const header = z
  .union(
    [
      z.string(),
      z.strictObject({ fromEnv: z.string(), scheme }),
      z.strictObject({ fromFile: z.string(), scheme }),
      z.strictObject({ fromStore: z.string(), scheme }),
      z.strictObject({ fromSecret: secretKeySchema, scheme }),
    ],
    REFERENCE,
  )
  .transform((given, context): HeaderReference => {
    const reference =
      typeof given === 'string' ? parseHeaderReference(given) : toHeaderReference(given as HeaderReference);
    if (reference) return reference;
    context.addIssue({ code: 'custom', message: REFERENCE });
    return z.NEVER;
  });

export const remoteSchema = z
  .strictObject({
    url,
    /** What the server speaks; `auto` finds out. */
    transport: z.enum([...REMOTE_TRANSPORTS, 'auto']).default('auto'),
    headers: z.record(headerName, header).default({}),
  })
  .refine(
    ({ headers }) =>
      new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length,
    { path: ['headers'], message: 'names a header twice' },
  )
  .refine(
    ({ url, transport }) => transport === 'auto' || isWebSocketUrl(url) === (transport === 'websocket'),
    { path: ['transport'], message: 'does not fit the URL: websocket goes with wss, the others with https' },
  );

/** A validated remote server. */
export type RemoteSpec = z.infer<typeof remoteSchema>;
