/** What stands in the way of a server, with what a person can do about it. */
import type { McpServer, StatusFailure } from '../cluster/mcp-server.ts';
import type { Deployment } from '../cluster/objects/deployment.ts';
import { SERVER_LABEL } from '../cluster/objects/naming.ts';
import type { ContainerStatus, Pod } from '../cluster/objects/pod-types.ts';
import type { BerthError } from '../errors.ts';
import type { PodWarning } from './pod-warnings.ts';
import { referenceProblem } from './references.ts';
import type { ReplicaReport } from './replica-probe.ts';

export interface Problem {
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
  /** Where in its life. */
  readonly phase: 'plan' | 'resolve' | 'install' | 'schedule' | 'pull' | 'spawn' | 'handshake' | 'run';
  /** It may go away by itself, such as by a node that comes up. */
  readonly waits: boolean;
  /** What is known beside it. */
  readonly failure?: StatusFailure;
  /** It has run, and clients are still served. */
  readonly serves?: boolean;
}

/** Why the cluster makes no pods: quotas, policies, limits. */
export function deploymentProblem(deployment: Deployment | undefined): Problem | undefined {
  const failure = deployment?.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (!failure) return undefined;
  const { message = 'the cluster refuses to make pods', reason = 'FailedCreate' } = failure;
  const place = {
    resources: 'spec.resources',
    look: 'Look at the events of the ReplicaSet: kubectl describe rs -l berth.dev/server=…',
  };
  return (
    quotaProblem(message) ?? {
      ...{ reason, message, hint: hintOfRefusal(message, place) },
      phase: 'schedule',
      waits: false,
    }
  );
}

/** Of a refusal that a ResourceQuota is the reason of; undefined for any other. */
export function quotaProblem(message: string): Problem | undefined {
  if (!/exceeded quota/i.test(message)) return undefined;
  return {
    reason: 'QuotaExceeded',
    message,
    hint: 'Raise the ResourceQuota of the namespace, lower the resources or the replicas of servers, or stop some.',
    phase: 'schedule',
    waits: false,
  };
}

/** Why the cluster makes no pod for the Job of an installer, in its own words. */
export function installerRefusal(note: string, { metadata: { name } }: McpServer): Problem {
  const message = `the cluster makes no pod for the installer: ${note}`;
  const quota = quotaProblem(message);
  if (quota)
    return {
      ...quota,
      hint: 'Raise the ResourceQuota of the namespace, lower servers.installer.resources of the chart, or stop servers: the installation goes on by itself.',
    };
  const hint = hintOfRefusal(message, {
    resources: 'servers.installer.resources',
    look: `Look at the events of the Job: kubectl describe job -l ${SERVER_LABEL}=${name}`,
  });
  return { reason: 'FailedCreate', message, hint, phase: 'schedule', waits: false };
}

interface Place {
  /** Where the resources of the pod are chosen. */
  readonly resources: string;
  /** Where to look when nothing better is known. */
  readonly look: string;
}

function hintOfRefusal(message: string, { resources, look }: Place): string {
  if (/violates PodSecurity/i.test(message))
    return 'The namespace enforces a stricter Pod Security level than the pod keeps: label it restricted, not stricter.';
  if (/ValidatingAdmissionPolicy/i.test(message))
    return 'An admission policy of the cluster forbids the pod: its message says which rule.';
  if (/admission webhook/i.test(message))
    return 'An admission webhook of the cluster forbids the pod: its message says which, and why.';
  if (/maximum .* usage|minimum .* usage|limitrange/i.test(message))
    return `A LimitRange of the namespace forbids the resources: change ${resources}.`;
  return look;
}

/** Whether a new version does not come up within its time. */
export function rolloutProblem(deployment: Deployment | undefined): Problem | undefined {
  const stuck = deployment?.status?.conditions?.find(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  if (!stuck) return undefined;
  return {
    reason: 'RolloutStuck',
    message: stuck.message ?? 'the new version does not become ready',
    hint: 'Nothing was switched: the version before goes on. Correct the specification, or go back to what it was.',
    phase: 'handshake',
    waits: false,
  };
}

/** Of a planner's refusal. */
export function refusalProblem(error: BerthError): Problem {
  const reasons: Partial<Record<BerthError['code'], string>> = {
    'not-allowed': 'NotAllowed',
    'missing-input': 'MissingInput',
    'not-found': 'TemplateNotFound',
  };
  return {
    reason: reasons[error.code] ?? 'InvalidSpec',
    message: error.message,
    hint: error.hint,
    phase: 'plan',
    waits: false,
  };
}

const STDERR_LINES = 20;
const LINE_LENGTH = 1_000;

/** What the supervisor of a replica says is wrong with its server; undefined when nothing is. */
export function reportProblem({ failure, protocolVersion, check }: ReplicaReport): Problem | undefined {
  if (!failure) return undefined;
  const { code, message, hint, phase, exitCode, signal, stderr } = failure;
  const lines = stderr?.slice(-STDERR_LINES).map((line) => line.slice(0, LINE_LENGTH));
  const serves = protocolVersion !== undefined;
  return {
    reason: !serves ? 'StartFailed' : (check?.failures ?? 0) > 0 ? 'HealthChecksFailed' : 'ProcessesFail',
    message,
    hint,
    phase: phase === undefined || phase === 'resolve' ? 'handshake' : phase,
    waits: false,
    serves,
    failure: {
      code,
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      ...(lines && lines.length > 0 && { stderr: lines }),
    },
  };
}

/** Of a replica that runs, as far as anybody knows, and answers nothing. */
export function silenceProblem({ metadata: { name = '' }, spec }: Pod): Problem {
  const { nodeName = '' } = spec ?? {};
  return {
    reason: 'NotAnswering',
    message: `replica ${name} on node ${nodeName} does not answer`,
    hint: `It is asked again by itself. Look whether the node is there: kubectl get node ${nodeName}; then whether a network policy closes the way from Berth to the pod.`,
    phase: 'run',
    waits: true,
  };
}

/** The first thing that is wrong with a pod of this server; undefined when nothing is, or nothing yet. */
export function podProblem(pod: Pod, server: McpServer): Problem | undefined {
  return (
    schedulingProblem(pod, OF_SERVER) ?? evictionProblem(pod) ?? containerProblem(pod, server, OF_SERVER)
  );
}

/** The same of a pod that installs its package. One that ended by itself has said why: that is for its Job. */
export function installerPodProblem(pod: Pod, server: McpServer): Problem | undefined {
  const lost = wasEnded(pod) ? evictionProblem(pod) : undefined;
  return schedulingProblem(pod, OF_INSTALLER) ?? lost ?? containerProblem(pod, server, OF_INSTALLER);
}

/** By its node or by the cluster. */
function wasEnded({ status = {} }: Pod): boolean {
  return (
    status.reason !== undefined || (status.conditions ?? []).some(({ type }) => type === 'DisruptionTarget')
  );
}

/** Where the resources of a pod are chosen, and its nodes. */
interface PodKind {
  readonly resources: string;
  /** Absent where there is no choice. */
  readonly placement?: string;
}

/** What holds a pod of this server up before its first container. */
export function warningProblem({ reason, note }: PodWarning, server: McpServer): Problem {
  return (
    referenceProblem(server, note) ?? {
      reason,
      message: note,
      hint: `The cluster tries again by itself. Look at the pod: kubectl describe pod -l ${SERVER_LABEL}=${server.metadata.name}`,
      phase: 'schedule',
      waits: true,
    }
  );
}

const OF_SERVER: PodKind = { resources: 'spec.resources', placement: 'spec.placement' };
const OF_INSTALLER: PodKind = { resources: 'servers.installer.resources of the chart' };

function schedulingProblem({ status }: Pod, { resources, placement }: PodKind): Problem | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  const { message = 'no node takes the pod' } = scheduled;
  return {
    reason: scheduled.reason ?? 'Unschedulable',
    message,
    hint: /persistentvolumeclaim|persistent ?volume|volume node affinity/i.test(message)
      ? 'Look at the claim: kubectl describe pvc. Name a storage class that the cluster has in spec.persistence, or an existingClaim.'
      : `Lower ${resources}, ${placement ? `loosen ${placement}, ` : ''}or add a node: the message says what each node lacks.`,
    phase: 'schedule',
    waits: true,
  };
}

function evictionProblem(pod: Pod): Problem | undefined {
  return pod.status?.phase === 'Failed' ? lossProblem(pod) : undefined;
}

/** Of a pod that its node has ended for good; `said` is the node's Event, for what the status leaves out. */
export function lossProblem({ status = {} }: Pod, said?: PodWarning): Problem {
  const disruption = status.conditions?.find(({ type }) => type === 'DisruptionTarget');
  const reason = status.reason ?? said?.reason ?? disruption?.reason ?? 'PodFailed';
  const message = status.message ?? said?.note ?? disruption?.message ?? 'its node has ended the pod';
  return { reason, message, hint: evictionHint(reason, message), phase: 'run', waits: true };
}

function evictionHint(reason: string, message: string): string {
  if (/emptydir|ephemeral/i.test(message))
    return 'It wrote more than it may: raise servers.scratchSize of the chart, or have it write to a folder that stays (spec.persistence).';
  if (/low on resource/i.test(message))
    return 'Its node ran short: raise spec.resources.requests to what the server needs, or add a node.';
  if (reason === 'Preempting')
    return 'A pod of higher priority took its room: add a node, or name a higher servers.defaults.priorityClassName of the chart.';
  if (reason === 'Terminated' || reason === 'NodeShutdown')
    return 'Its node was shut down: another pod takes its place.';
  return 'Another pod takes its place. If it comes again, raise the limits of the server: spec.resources.';
}

function containerProblem({ status }: Pod, server: McpServer, kind: PodKind): Problem | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const one of all) {
    const problem = pullProblem(one) ?? configProblem(one, server) ?? crashProblem(one, kind);
    if (problem) return problem;
  }
  return undefined;
}

const PULL: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);

function pullProblem({ name, state }: ContainerStatus): Problem | undefined {
  const { reason = '', message } = state?.waiting ?? {};
  if (!PULL.has(reason)) return undefined;
  return {
    reason: reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason,
    message: message ?? `the image of container ${name} cannot be pulled`,
    hint: 'Check the name of the image, that its registry can be reached from the nodes, and the pull secrets.',
    phase: 'pull',
    waits: false,
  };
}

function configProblem({ state }: ContainerStatus, server: McpServer): Problem | undefined {
  const { reason = '', message = '' } = state?.waiting ?? {};
  if (
    reason !== 'CreateContainerConfigError' &&
    reason !== 'CreateContainerError' &&
    reason !== 'RunContainerError'
  )
    return undefined;
  return (
    referenceProblem(server, message) ?? {
      reason,
      message: message || 'the container cannot be made',
      hint: `Look at the pod: kubectl describe pod -l ${SERVER_LABEL}=${server.metadata.name}`,
      phase: 'spawn',
      waits: false,
    }
  );
}

function crashProblem(
  { name, state, lastState, restartCount }: ContainerStatus,
  { resources }: PodKind,
): Problem | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  const crashes =
    state?.waiting?.reason === 'CrashLoopBackOff' || (restartCount > 0 && state?.running === undefined);
  if (!ended || ended.exitCode === 0 || !crashes) return undefined;
  const killed = ended.reason === 'OOMKilled';
  const own = ownWords(ended.message);
  return {
    reason: killed ? 'OutOfMemory' : 'CrashLoopBackOff',
    message: `container ${name} ended with exit code ${ended.exitCode}${said(own?.message ?? ended.message)}`,
    hint: killed
      ? `Raise limits.memory in ${resources}.`
      : (own?.hint ?? 'Read its last lines: kubectl logs -p, or the message here.'),
    phase: name === 'tree' ? 'install' : 'spawn',
    waits: false,
  };
}

/** Our own programs say what is wrong as JSON, on their last line. */
function ownWords(message = ''): { readonly message: string; readonly hint: string } | undefined {
  try {
    const { error } = JSON.parse(message.trim().split('\n').at(-1) ?? '') as {
      error?: Record<string, unknown>;
    };
    if (typeof error?.message !== 'string') return undefined;
    const stderr = Array.isArray(error.stderr) ? error.stderr.join('; ') : '';
    return {
      message: stderr ? `${error.message}: ${stderr}` : error.message,
      hint: String(error.hint ?? ''),
    };
  } catch {
    return undefined;
  }
}

const MOST_TEXT = 1_000;

function said(message: string | undefined): string {
  const text = message?.trim().slice(-MOST_TEXT);
  return text ? `: ${text}` : '';
}
