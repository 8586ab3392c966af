/** Secrets and claims whose owners have not released them to servers: naming one is the mistake of who names it. */
import { BerthError } from '../../errors.ts';
import { apiStatusOf } from '../api-status.ts';
import type { McpServerSpec } from '../mcp-server.ts';

interface FieldFault {
  readonly pointer: string;
  readonly detail: string;
}

/** Of the chart's policies `references` and `claim-references`. */
const REFUSED =
  /denied request: (Secret|claim) (\S+) may not be used by servers; to allow it: (kubectl -n \S+ label \S+ \S+ berth\.dev\/usable=true)/;

/** `not-allowed` where a policy of the chart refuses what `spec` names; any other error as it is. */
export function toWithheldReference(error: unknown, spec: McpServerSpec): unknown {
  const [, kind = '', name = '', command = ''] = REFUSED.exec(apiStatusOf(error)?.message ?? '') ?? [];
  if (name === '') return error;
  const fields = kind === 'claim' ? [faultAt('/persistence/existingClaim')] : faultsOf(spec, name);
  return new BerthError('not-allowed', `${kind} ${name} may not be used by servers`, {
    cause: error,
    hint: `To let servers use it, have who owns it run: ${command}. Or name another one.`,
    ...(fields.length > 0 && { fields }),
  });
}

function faultsOf({ secrets = [], source }: McpServerSpec, secret: string): FieldFault[] {
  return [
    ...secrets
      .filter(({ secretKeyRef }) => secretKeyRef.name === secret)
      .map(({ name }) => faultAt(`/secrets/${name}`)),
    ...(source?.remote?.headers ?? [])
      .filter(({ secretKeyRef }) => secretKeyRef.name === secret)
      .map(({ name }) => faultAt(`/source/remote/headers/${name}`)),
  ];
}

function faultAt(pointer: string): FieldFault {
  return { pointer, detail: 'is not labelled berth.dev/usable=true' };
}
