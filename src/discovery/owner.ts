/** Does the package belong to whom a catalogue says? Both must name each other: either alone can be written by anybody. */
import type { Found } from './found.ts';
import type { OwnerInfo } from './package-info.ts';

/** `entries`: what catalogues list for this very package. */
export function ownerOf(
  mcpName: string | undefined,
  entries: readonly Found[],
  readable: boolean,
): OwnerInfo {
  const listed = entries.find((entry) => entry.registryName === mcpName) ?? entries[0];
  const listedAs = listed?.registryName;
  const facts = {
    ...(mcpName !== undefined && { mcpName }),
    ...(listedAs !== undefined && { listedAs, listedBy: 'an MCP registry' }),
  };
  if (mcpName !== undefined && listedAs === mcpName) return { state: 'verified', ...facts };
  if (mcpName !== undefined) return { state: listedAs === undefined ? 'claimed' : 'mismatch', ...facts };
  return { state: listedAs !== undefined && readable ? 'mismatch' : 'unknown', ...facts };
}
