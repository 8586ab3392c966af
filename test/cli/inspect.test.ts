import { describe, expect, it } from 'vitest';
import { type InspectionAnswer, inspectionText } from '../../src/cli/inspect-view.ts';
import { BerthError } from '../../src/errors.ts';
import { createMachine } from './system-double.ts';

describe('berth inspect', () => {
  it('shows what was seen, and says what is unknown', async () => {
    const { berth } = await createMachine();
    const { code, out, err } = await berth('inspect', 'npm:some-server');
    expect([code, err]).toEqual([0, '']);
    expect(out.replace(/(resolve|install) \d+\.\d s/g, '$1 … s').split('\n')).toEqual([
      'fixture 1.0.0: 2 tools, 0 prompts, 0 resources, speaks legacy and modern',
      '',
      '  package      npm:some-server 1.2.3',
      '  integrity    sha512-abc',
      `  engine       needs node >=22; ran on Node ${process.versions.node}`,
      '  provenance   the registry has a statement of where it was built',
      '  signatures   unknown',
      '  sandbox      bubblewrap, no network',
      '  times        resolve … s, install … s, sandbox 0.1 s, start 0.3 s, list 0.0 s',
      '  memory       80 MiB at most',
      '  files        left ~/cache.db (12 bytes); what it read is unknown',
      '  hosts        asked for api.example.com',
      '  stderr       started',
      '',
      'TOOL   DESCRIPTION',
      'echo   Says it again.',
      'add',
      '',
      'Next: the same with --save makes a template of exactly this version',
      '',
    ]);
  });

  it.each([
    [{ kind: 'pod', network: 'none', enforced: 'yes' }, 'pod, no network (seen to be enforced)'],
    [{ kind: 'pod', network: 'none', enforced: 'no' }, 'pod, no network (NOT ENFORCED by this cluster)'],
    [
      { kind: 'pod', network: 'none', enforced: 'unknown' },
      'pod, no network (whether that is enforced is unknown)',
    ],
    [{ kind: 'pod', network: 'public' }, 'pod, public addresses only'],
  ] as const)('says what a pod in a cluster was held to: %j', async (sandbox, text) => {
    const { berth } = await createMachine();
    const { out } = await berth('inspect', 'npm:some-server', '-o', 'json');
    const { report } = JSON.parse(out) as InspectionAnswer;
    const view = { wide: false, saved: undefined, out: undefined };
    const seen = inspectionText({ report: { ...report, sandbox, filesWritten: 'unknown' } }, view);
    expect(seen).toContain(`  sandbox      ${text}\n`);
    expect(seen).toContain('  files        what it left and read is unknown\n');
  });

  it('passes everything that was given', async () => {
    const { berth, inspections, packages } = await createMachine();
    const { code } = await berth(
      ...['inspect', 'pypi:mcp-server-some==0.8.0', '--bin', 'some', '-e', 'REGION=north', '--secret', 'KEY'],
      ...['--secret', 'TOKEN', '--unsafe', '--', '--read-only', '-v'],
    );
    expect(code).toBe(0);
    expect(packages.resolved).toEqual([
      expect.objectContaining({ ecosystem: 'pypi', name: 'mcp-server-some', version: '0.8.0', bin: 'some' }),
    ]);
    const [started] = inspections.started;
    expect(started).toMatchObject({ unsafe: true, network: true, launch: { env: { REGION: 'north' } } });
    expect(Object.keys(started?.launch.env ?? {})).toEqual(expect.arrayContaining(['KEY', 'TOKEN']));
    expect(started?.launch.args.slice(-2)).toEqual(['--read-only', '-v']);
  });

  it('saves a template that run takes', async () => {
    const { berth, packages } = await createMachine();
    const { code, out } = await berth('inspect', 'npm:some-server', '--save', '--name', 'mine');
    expect(code).toBe(0);
    expect(out).toContain('Saved as the template mine. Next: berth run mine\n');
    expect((await berth('run', 'mine')).code).toBe(0);
    expect(packages.resolved.at(-1)).toMatchObject({ name: 'some-server', version: '1.2.3' });
    const again = await berth('inspect', 'npm:some-server', '--save', '--name', 'mine');
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('--name NAME')]);
  });

  it('writes a template that import takes', async () => {
    const { berth, files } = await createMachine();
    const { code, out } = await berth('inspect', 'everything', '--out', 'pinned.json', '--name', 'mine');
    expect(code).toBe(0);
    expect(out).toContain(
      'Written to pinned.json. Next: berth catalog import pinned.json, then berth run mine\n',
    );
    expect(JSON.parse(files['pinned.json'] ?? '')).toMatchObject({ packages: [{ version: '1.2.3' }] });
    expect((await berth('catalog', 'import', 'pinned.json')).code).toBe(0);
    expect((await berth('run', 'mine')).code).toBe(0);
  });

  it('ends with the failure of the package, and writes no template', async () => {
    const { berth, inspections, files } = await createMachine();
    const failure = new BerthError('start-failed', 'no answer', {
      phase: 'handshake',
      exitCode: 1,
      stderr: ['\u001b[31mAPI_KEY is required\u001b[0m'],
    });
    const nothing = { offers: {}, phases: [], written: { files: [], total: 0 } };
    inspections.observation = { ...nothing, stderr: ['\u001b[31mAPI_KEY is required\u001b[0m'], failure };
    const { code, out, err } = await berth('inspect', 'npm:some-server', '--out', 'pinned.json', '--save');
    expect(code).toBe(5);
    expect(out).toContain('npm:some-server did not come through\n');
    expect(out).toContain('  stderr       API_KEY is required\n');
    expect(out).toContain('  memory       unknown\n');
    expect(err).toContain('✗ failed in phase start, exit code 1\n  error   no answer\n');
    expect(files['pinned.json']).toBeUndefined();
    expect((await berth('run', 'some-server')).code).toBe(1);
    const json = await berth('inspect', 'npm:some-server', '-o', 'json');
    expect([json.code, json.err, JSON.parse(json.out).report.failure.code]).toEqual([5, '', 'start-failed']);
  });

  it.each(['json', 'yaml', 'name', 'wide'])('writes the form %s', async (format) => {
    const { berth } = await createMachine();
    const { code, out } = await berth('inspect', 'npm:some-server', '-o', format);
    expect(code).toBe(0);
    const shapes = {
      json: /^\{"report":\{"v":1.*"pinned":\{"slug":"some-server".*\}\n$/,
      yaml: /^report:\n {2}v: 1\n/,
      name: /^some-server\n$/,
      wide: /TOOL +DESCRIPTION/,
    };
    expect(out).toMatch(shapes[format as keyof typeof shapes]);
  });

  it('starts a gateway for the time of the inspection, when that is wanted', async () => {
    const { berth, state } = await createMachine({ gateway: false });
    const refused = await berth('inspect', 'npm:some-server');
    expect([refused.code, refused.err]).toEqual([4, expect.stringContaining('berth inspect --start')]);
    expect((await berth('inspect', 'npm:some-server', '--start')).code).toBe(0);
    expect([state.closed, state.up]).toEqual([1, false]);
  });

  it('refuses what is no reference, and what only runs elsewhere', async () => {
    const { berth } = await createMachine();
    expect((await berth('inspect', 'Not A Name')).code).toBe(1);
    const { code, err } = await berth('inspect', 'https://mcp.example.com/mcp');
    expect([code, err]).toEqual([1, expect.stringContaining('runs elsewhere')]);
  });
});
