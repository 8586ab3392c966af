/** `berth doctor`: what the cluster lacks, and what to do about it. */
import { type Command, Option } from 'commander';
import type { Finding } from '../cluster/doctor/finding.ts';
import type { CliSystem } from './cli-system.ts';
import { wantsJson } from './context.ts';
import { clean, EXIT } from './failure.ts';
import type { CommandRunner } from './program.ts';

interface DoctorFlags {
  readonly release: string;
  readonly namespace: string;
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
      'what a Kubernetes cluster lacks for Berth, with the fix; by the kubeconfig or the account of the pod',
    )
    .option('--release <name>', 'name of the installation', 'berth')
    .option('-n, --namespace <name>', 'namespace of gateway and controller', 'mcp')
    .option('--servers-namespace <name>', 'namespace of the servers (default: the release with -servers)')
    .addOption(
      new Option('--account <name>', 'whose rights are asked for')
        .choices(['gateway', 'controller', 'both'])
        .default('both'),
    )
    .option('--probe', 'make pods to see whether images come and network policies hold')
    .action((flags: DoctorFlags, command: Command) =>
      run(command, () => examine(flags, wantsJson(command), system)),
    );
}

/** Exit code 5 when there is a problem. */
async function examine(flags: DoctorFlags, json: boolean, system: CliSystem): Promise<number> {
  const { release, namespace, serversNamespace = `${release}-servers`, account, probe = false } = flags;
  // The Kubernetes client costs memory and time: nothing else loads it.
  const { examineCluster } = await import('../cluster/doctor/doctor.ts');
  const findings = await examineCluster({
    places: { release, namespace, servers: serversNamespace },
    accounts: account === 'both' ? ['gateway', 'controller'] : [account],
    probe,
  });
  system.out(json ? `${JSON.stringify({ findings })}\n` : findings.map(toText).join(''));
  return findings.some(({ state }) => state === 'problem') ? EXIT.serverFailed : EXIT.ok;
}

function toText({ check, state, message, fix }: Finding): string {
  const first = `${MARK[state]} ${check}: ${clean(message)}\n`;
  return fix === undefined ? first : `${first}  fix: ${clean(fix)}\n`;
}
