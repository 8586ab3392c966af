/** The command lines of bubblewrap: what a contained program sees of this machine. */
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Launch } from '../launch.ts';
import type { Place } from './containment.ts';

/** Folders of system programs; on many systems all but the first are links into it. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store'];
/** Of `/etc`, what programs need to find libraries, certificates, time zones and ports. Nothing that tells of people or passwords. */
const ETC = [
  'alternatives',
  'ca-certificates',
  'crypto-policies',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'pki',
  'protocols',
  'services',
  'ssl',
];
/** Files of `/etc` that are written for each run; see {@link etcFiles}. */
const OWN_ETC = ['group', 'hosts', 'nsswitch.conf', 'passwd'];
/** Who the program is, as it sees itself. */
const NOBODY = '65534';

/**
 * Arguments that run `launch` contained. `network`: `none` makes an empty network of its own, `outer` keeps the one that bubblewrap itself
 * is started in.
 */
export async function containedArgs(
  launch: Launch,
  place: Place,
  network: 'none' | 'outer',
): Promise<string[]> {
  const { home, temporary, readable, folder } = place;
  const resolver = place.network ? '/etc/resolv.conf' : join(folder, 'etc', 'resolv.conf');
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...(network === 'none' ? ['--unshare-net'] : []),
    ...['--uid', NOBODY, '--gid', NOBODY, '--cap-drop', 'ALL', '--hostname', 'sandbox'],
    ...['--new-session', '--die-with-parent'],
    ...(await systemArgs()),
    ...ETC.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...OWN_ETC.flatMap((name) => ['--ro-bind', join(folder, 'etc', name), `/etc/${name}`]),
    ...['--ro-bind-try', resolver, '/etc/resolv.conf'],
    ...['--proc', '/proc', '--dev', '/dev', '--bind', temporary, '/tmp'],
    ...readable.flatMap((path) => ['--ro-bind-try', path, path]),
    ...['--bind', home, home, '--remount-ro', '/', '--chdir', launch.cwd],
    ...['--', launch.file, ...launch.args],
  ];
}

/**
 * Arguments that run our own observer in an empty network, in which it may answer for names: nothing else of the machine is taken from it.
 */
export function observerArgs(program: readonly string[]): string[] {
  return [
    ...['--unshare-user', '--uid', '0', '--gid', '0', '--unshare-net', '--die-with-parent'],
    ...['--cap-drop', 'ALL', '--cap-add', 'CAP_NET_BIND_SERVICE'],
    // Without it no further user namespace may be made of this one's first user.
    ...['--cap-add', 'CAP_SETFCAP'],
    ...['--dev-bind', '/', '/', '--', ...program],
  ];
}

/** By name, the files of `/etc` that every contained program gets. */
export function etcFiles(): Readonly<Record<string, string>> {
  return {
    group: `nogroup:x:${NOBODY}:\n`,
    hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    passwd: `nobody:x:${NOBODY}:${NOBODY}:nobody:/nonexistent:/usr/sbin/nologin\n`,
    'resolv.conf': 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n',
  };
}

async function systemArgs(): Promise<string[]> {
  const each = await Promise.all(
    SYSTEM.map(async (path) => {
      const found = await lstat(path).catch(() => undefined);
      if (!found) return [];
      if (found.isSymbolicLink()) return ['--symlink', await readlink(path), path];
      return ['--ro-bind', path, path];
    }),
  );
  return each.flat();
}
