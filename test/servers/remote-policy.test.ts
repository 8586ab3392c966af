/** Remote servers are at public addresses over TLS, however the address is written, unless the operator says otherwise. */
import { describe, expect, it } from 'vitest';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';

const strict = createRemotePolicy([]);

const refusalOf = (url: string, allowed: readonly string[] = []): string => {
  try {
    createRemotePolicy(allowed).check(new URL(url));
    return '';
  } catch (error) {
    expect(error).toMatchObject({ code: 'not-allowed', details: { phase: 'resolve' } });
    return (error as Error).message;
  }
};

describe('an address', () => {
  it.each([
    ...['1.1.1.1', '8.8.8.8', '93.184.216.34', '172.15.255.255', '172.32.0.0', '192.167.255.255', '11.0.0.1'],
    ...['100.63.255.255', '100.128.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255'],
    ...['2606:4700:4700::1111', '2a00:1450:4001::1', '2001:4860:4860::8888', '2400:cb00::1'],
  ])('%s is public', (address) => {
    expect(strict.allows('host.example.com', address)).toBe(true);
  });

  it.each([
    ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255'],
    ...['172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254', '169.254.0.1'],
    ...[
      '100.64.0.1',
      '100.127.255.255',
      '192.0.0.1',
      '192.0.2.1',
      '192.88.99.1',
      '198.18.0.1',
      '198.19.255.255',
    ],
    ...['198.51.100.7', '203.0.113.9', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:8.8.8.8'],
    ...['::ffff:0:127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::a00:1', '100::1'],
    ...['fe80::1', 'fe80::1%eth0', 'febf::1', 'fec0::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1'],
    ...[
      '2001::1',
      '2001:0:4136:e378::1',
      '2001:db8::1',
      '2002:7f00:1::',
      '2002:a00:1::1',
      '3fff::1',
      '4000::1',
    ],
    ...['not an address', ''],
  ])('%s is not', (address) => {
    expect(strict.allows('host.example.com', address)).toBe(false);
  });
});

describe('a URL', () => {
  it.each([
    'https://mcp.example.com/mcp',
    'https://mcp.example.com:8443/mcp?project=1',
    'https://8.8.8.8/',
    'https://[2606:4700:4700::1111]/mcp',
    'https://localhost.example.com/',
    'wss://mcp.example.com/ws',
    'wss://mcp.example.com:8443/ws',
  ])('%s may be a server, as far as it shows', (url) => {
    expect(refusalOf(url)).toBe('');
  });

  it.each([
    ...[
      'https://127.0.0.1/',
      'https://2130706433/',
      'https://0x7f000001/',
      'https://0177.0.0.1/',
      'https://127.1/',
    ],
    ...[
      'https://①②⑦.⓪.⓪.①/',
      'https://127.0.0.1./',
      'https://0/',
      'https://[::1]/',
      'https://[::ffff:127.0.0.1]/',
    ],
    ...[
      'https://[::ffff:7f00:1]/',
      'https://[64:ff9b::127.0.0.1]/',
      'https://[fe80::1]/',
      'https://169.254.169.254/',
    ],
    ...[
      'https://[fd00:ec2::254]/latest',
      'https://10.1.2.3:8443/',
      'https://192.168.1.1/',
      'wss://192.168.1.1/',
      'ws://127.0.0.1/',
      'https://3232235777/',
    ],
  ])('%s is not at a public address', (url) => {
    expect(refusalOf(url)).toContain('is not a public address');
  });

  it('needs TLS', () => {
    expect(refusalOf('http://mcp.example.com/mcp')).toContain('over https only');
    expect(refusalOf('http://8.8.8.8/')).toContain('over https only');
    expect(refusalOf('ws://mcp.example.com/ws')).toContain('over wss only');
  });

  it.each([22, 25, 80, 389, 993])('has no port of another service (%i)', (port) => {
    expect(refusalOf(`https://mcp.example.com:${port}/`)).toContain(`port ${port}`);
    expect(refusalOf(`wss://mcp.example.com:${port}/`)).toContain(`port ${port}`);
  });
});

describe('what the operator has listed', () => {
  const allowed = ['Localhost', '10.1.0.0/16', '192.168.1.5', 'fd00::/8', '[::1]', 'tools.internal.'];

  it.each([
    ...['http://localhost:80/mcp', 'http://localhost./mcp', 'http://LOCALHOST:9/', 'http://10.1.2.3:25/'],
    ...['http://192.168.1.5/', 'https://[fd12::1]/', 'http://[::1]:8000/sse', 'http://tools.internal/'],
    'http://[::ffff:10.1.2.3]/',
  ])('lets %s be', (url) => {
    expect(refusalOf(url, allowed)).toBe('');
  });

  it.each([
    ...['http://10.2.0.1/', 'http://192.168.1.6/', 'http://127.0.0.1/', 'http://x.localhost/'],
    ...['http://other.tools.internal/', 'http://xtools.internal/'],
  ])('does not let %s be', (url) => {
    expect(refusalOf(url, allowed)).not.toBe('');
  });

  it('counts for the addresses of a name: the name for all, a range for its own', () => {
    const policy = createRemotePolicy(allowed);
    expect(policy.allows('localhost', '127.0.0.1')).toBe(true);
    expect(policy.allows('localhost.', '::1')).toBe(true);
    expect(policy.allows('host.example.com', '10.1.9.9')).toBe(true);
    expect(policy.allows('host.example.com', '10.2.9.9')).toBe(false);
  });
});
