/** Further certificate authorities in every container that talks to the outside: one file, and the variables that name it. */
import type { PodSettings } from './blueprint.ts';
import type { EnvVar, Volume, VolumeMount } from './pod-types.ts';

const FOLDER = '/etc/berth-ca';
const NAME = 'ca';
const READABLE = 0o444;

export function caVolumes({ caBundle }: PodSettings): Volume[] {
  if (!caBundle) return [];
  const { configMap, key } = caBundle;
  return [{ name: NAME, configMap: { name: configMap, defaultMode: READABLE, items: [{ key, path: key }] } }];
}

export function caMounts({ caBundle }: PodSettings): VolumeMount[] {
  return caBundle ? [{ name: NAME, mountPath: FOLDER, readOnly: true }] : [];
}

/** Node adds the authorities to its own; Python and OpenSSL trust those of the file alone. */
export function caEnv({ caBundle }: PodSettings): EnvVar[] {
  if (!caBundle) return [];
  const value = `${FOLDER}/${caBundle.key}`;
  return [
    { name: 'NODE_EXTRA_CA_CERTS', value },
    { name: 'SSL_CERT_FILE', value },
  ];
}
