/** What of this machine decides whether an installed tree fits it. */

export interface Platform {
  readonly platform: string;
  readonly arch: string;
  /** `none` where there is no choice (macOS, Windows). */
  readonly libc: 'glibc' | 'musl' | 'none';
  /** Node's module ABI; native npm modules are built for one. */
  readonly nodeAbi: string;
}

function linuxLibc(): 'glibc' | 'musl' {
  // Without this the report does a reverse DNS look-up per socket, which can take seconds.
  const source: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  source.excludeNetwork = true;
  const report = source.getReport() as { header?: { glibcVersionRuntime?: unknown } };
  return typeof report.header?.glibcVersionRuntime === 'string' ? 'glibc' : 'musl';
}

/** Reads this machine's platform. */
export function currentPlatform(): Platform {
  return {
    platform: process.platform,
    arch: process.arch,
    libc: process.platform === 'linux' ? linuxLibc() : 'none',
    nodeAbi: process.versions.modules,
  };
}
