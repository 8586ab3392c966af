/** What `berth doctor` says of this machine: whether its gateway runs and answers, and what it can limit. */
import type { LocalGateway } from '../background/main.ts';
import type { Finding } from '../cluster/doctor/finding.ts';
import type { CliSystem } from './cli-system.ts';

/** Milliseconds in which a gateway on this machine says that it lives. */
const ANSWER_TIME = 5_000;
const check = 'gateway of this machine';

/** Rejects with `bad-setting`. */
export async function examineMachine(system: CliSystem): Promise<Finding[]> {
  const gateway = await system.machine.find();
  const runs = gateway.state === 'serving' || gateway.state === 'starting';
  return [
    ...(await examineGateway(gateway, system)),
    ...(await examineLimits(system, runs ? gateway.pid : undefined)),
  ];
}

/** Of the gateway `pid`, or of one that is started from here. */
async function examineLimits({ machine }: CliSystem, pid: number | undefined): Promise<Finding[]> {
  const check = 'limits of servers';
  const checks = await machine.limits(pid);
  const limited = checks.filter(({ lack }) => !lack).map(({ resource }) => resource);
  const lacking = Map.groupBy(
    checks.filter(({ lack }) => lack),
    ({ lack }) => lack?.reason ?? '',
  );
  const found: Finding[] =
    limited.length === 0
      ? []
      : [{ check, state: 'ok', message: `${limited.join(' and ')} of their processes can be limited` }];
  return [
    ...found,
    ...Array.from(lacking, ([reason, of]): Finding => {
      const what = of.map(({ resource }) => resource).join(' and ');
      const fix = `Needed only for servers with resources.limits. ${of[0]?.lack?.fix ?? ''}`;
      return { check, state: 'warning', message: `${what} cannot be limited: ${reason}`, fix };
    }),
  ];
}

async function examineGateway(gateway: LocalGateway, system: CliSystem): Promise<Finding[]> {
  const { state, pid, dataDir, logFile } = gateway;
  switch (state) {
    case 'none':
      return [
        {
          check,
          state: 'ok',
          message: `none runs with the data folder ${dataDir}; start it: berth up --detach`,
        },
      ];
    case 'stale':
      return [
        {
          ...{ check, state: 'warning', message: `a gateway (pid ${pid}) has died without clearing up` },
          fix: 'berth up --detach starts it again and ends what it left; berth down only ends that.',
        },
      ];
    case 'starting':
      return [
        {
          ...{ check, state: 'warning', message: `a gateway (pid ${pid}) is starting` },
          fix: `Look again; if it stays so, read ${logFile}, or the terminal that it was started in.`,
        },
      ];
    case 'serving':
      return [await examineServing(gateway, system)];
  }
}

async function examineServing(
  { pid, url, localUrl, version, since, logFile }: LocalGateway,
  system: CliSystem,
) {
  const who = `${version} (pid ${pid}) at ${url} since ${since}`;
  const answers = await system
    .fetch(`${localUrl}/livez`, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_TIME) })
    .then(({ ok }) => ok)
    .catch(() => false);
  if (answers) return { check, state: 'ok', message: `it serves: ${who}` } satisfies Finding;
  return {
    ...{ check, state: 'problem', message: `it does not answer: ${who}` },
    fix: `Read ${logFile}, or the terminal that it was started in; then: berth down, and berth up --detach.`,
  } satisfies Finding;
}
