/** What installers get of the gateway's environment. */

const INSTALLER_ENV_NAMES: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'TZ',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
]);

/** What any installer may see of the gateway's environment: paths, language, certificates and proxies. */
export function installerEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  return pickEnv(env, (name) => INSTALLER_ENV_NAMES.has(name.toUpperCase()));
}

/** The variables whose name is wanted. */
export function pickEnv(env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && wanted(name)) picked[name] = value;
  }
  return picked;
}
