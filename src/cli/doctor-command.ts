/** `berth doctor`: what this machine and the cluster lack, and what to do about it. */
import { type Command, Option } from 'commander';
import type { Finding } from '../cluster/doctor/finding.ts';
import { toBerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { wantsJson } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { examineMachine } from './machine-checks.ts';
import type { CommandRunner } from './program.ts';

interface DoctorFlags {
  readonly release?: string;
  readonly namespace?: string;
  readonly serversNamespace?: string;
  readonly account: 'gateway' | 'controller' | 'both';
  readonly probe?: boolean;
}

const MARK: Readonly<Record<Finding['state'], string>> = {
  ok: '✓',
  warning: '!',
  problem: '✗',
  unknown: '?',
};

export function addDoctorCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('doctor')
    .description(
      'whether the gateway of this machine runs, and what a Kubernetes cluster (of the kubeconfig, or of the pod) lacks for Berth, with the fix; with one of the options only the cluster',
    )
    .option('--release <name>', 'name of the installation (default: the one that is there, or berth)')
    .option(
      '-n, --namespace <name>',
      'namespace of gateway and controller (default: of the installation, or mcp)',
    )
    .option(
      '--servers-namespace <name>',
      'namespace of the servers (default: of the installation, or its name with -servers)',
    )
    .addOption(
      new Option('--account <name>', 'whose rights are asked for')
        .choices(['gateway', 'controller', 'both'])
        .default('both'),
    )
    .option('--probe', 'make pods to see whether images come and network policies hold')
    .action((flags: DoctorFlags, command: Command) =>
      run(command, async () => {
        const chosen = command.options.some(
          (option) => command.getOptionValueSource(option.attributeName()) === 'cli',
        );
        const findings = chosen ? await lookAtCluster(flags, system) : await lookAtAll(flags, system);
        return tell(findings, wantsJson(command), system);
      }),
    );
}

/** Exit code 5 when there is a problem. */
function tell(findings: readonly Finding[], json: boolean, system: CliSystem): number {
  system.out(json ? `${JSON.stringify({ findings })}\n` : findings.map(toText).join(''));
  return findings.some(({ state }) => state === 'problem') ? EXIT.serverFailed : EXIT.ok;
}

async function lookAtAll(flags: DoctorFlags, system: CliSystem): Promise<Finding[]> {
  const { findWhereabouts } = await import('../cluster/doctor/known.ts');
  const where = await findWhereabouts(system.env, system.places.home);
  // In a pod there is no machine to look at.
  if (where === 'pod') return await lookAtCluster(flags, system);
  const machine = await examineMachine(system);
  if (where === 'machine') return machine;
  const cluster = await lookAtCluster(flags, system).catch((thrown: unknown): Finding[] => {
    const { message, hint } = toBerthError(thrown);
    return [{ check: 'Kubernetes', state: 'unknown', message, fix: hint }];
  });
  return [...machine, ...cluster];
}

async function lookAtCluster(flags: DoctorFlags, { env }: CliSystem): Promise<Finding[]> {
  const { release, namespace, serversNamespace, account, probe = false } = flags;
  // The Kubernetes client costs memory and time: nothing else loads it.
  const { examineCluster } = await import('../cluster/doctor/doctor.ts');
  return await examineCluster({
    places: {
      ...(release !== undefined && { release }),
      ...(namespace !== undefined && { namespace }),
      ...(serversNamespace !== undefined && { servers: serversNamespace }),
    },
    env,
    accounts: account === 'both' ? ['gateway', 'controller'] : [account],
    probe,
  });
}

function toText({ check, state, message, fix }: Finding): string {
  const first = `${MARK[state]} ${check}: ${clean(message)}\n`;
  return fix === undefined ? first : `${first}  fix: ${clean(fix)}\n`;
}
