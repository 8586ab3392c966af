/** Which environment names a caller may not set for a server, because loaders and launchers obey them. */

const FORBIDDEN_PREFIXES = [
  'NPM_',
  'NODE_',
  'UV_',
  'PIP_',
  'PYTHON',
  'LD_',
  'DYLD_',
  'GIT_',
  'SSL_CERT_',
  'OPENSSL_',
  'BASH_',
];
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'ENV',
  'IFS',
  'SHELLOPTS',
  'BASHOPTS',
  'PS4',
  'TMPDIR',
  'VIRTUAL_ENV',
  'GCONV_PATH',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'PERL5LIB',
  'PERL5OPT',
  'RUBYLIB',
  'RUBYOPT',
  'JAVA_TOOL_OPTIONS',
  '_JAVA_OPTIONS',
]);
/**
 * The end of every name that a client library takes for a proxy: of a scheme (also behind a prefix, as `GLOBAL_AGENT_HTTP_PROXY`),
 * of all of them, or of none. Python makes a proxy of any name that ends so, but only for a scheme of that name.
 */
const PROXY_NAME =
  /(?:^|_)(?:HTTPS?|ALL|NO|GLOBAL|DEFAULT|FTPS?|SFTP|SOCKS(?:[45][AH]?)?|WSS?|GRPC|GIT|SSH|SCP|RSYNC|TELNET|LDAPS?|IMAPS?|POP3S?|SMTPS?|SMBS?|MQTTS?|RTSPS?|RTMPS?|GOPHERS?|DICT|TFTP)_PROXY$/;
/** Means nothing to Node itself. */
const HARMLESS: ReadonlySet<string> = new Set(['NODE_ENV']);
const PORTABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/** True when no server may be given this variable; case makes no difference. */
export function isForbiddenEnvName(name: string): boolean {
  if (!PORTABLE_NAME.test(name)) return true;
  const upper = name.toUpperCase();
  if (HARMLESS.has(upper)) return name !== upper;
  if (FORBIDDEN_NAMES.has(upper) || PROXY_NAME.test(upper)) return true;
  return FORBIDDEN_PREFIXES.some((prefix) => upper.startsWith(prefix));
}
