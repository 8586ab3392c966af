/** What a template that somebody adds may say: no more than what the same person could ask of a server. */
import { BerthError } from '../errors.ts';
import { isForbiddenEnvName } from '../packages/env-names.ts';
import { checkSourceAllowed, NO_RULES, type PackageRules } from '../packages/package-rules.ts';
import { checkPackageSource } from '../packages/package-source.ts';
import { findRunnable, type Template } from '../templates/template.ts';
import type { RemotePolicy } from './remote-policy.ts';
import { remoteSchema } from './remote-spec.ts';
import { checkGate, type Gates } from './server-plan.ts';
import { toInputError } from './server-spec.ts';

export interface TemplateRules {
  readonly allow: Gates;
  readonly remote: RemotePolicy;
  /** All packages unless given. */
  readonly packages?: PackageRules;
}

type Fault = { readonly pointer: string; readonly detail: string };

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Throws `not-allowed` for a closed gate or a right that no specification has, `bad-input` for what no server could be given. */
export function checkTemplateRights(template: Template, rules: TemplateRules): void {
  const { runner } = template.extras;
  if (runner.allowInstallScripts) {
    throw new BerthError('not-allowed', 'a template of your own cannot allow install scripts', {
      fields: [
        { pointer: '/_meta/…/runner/allowInstallScripts', detail: 'only templates that come with Berth may' },
      ],
      hint: 'Leave it out: most packages work without their install scripts.',
    });
  }
  const faults = variableFaults(template);
  const [first] = faults;
  if (first)
    throw new BerthError('bad-input', `server.json${first.pointer}: ${first.detail}`, { fields: faults });
  checkPackage(template, rules);
  for (const remote of template.document.remotes ?? []) checkRemote(remote, rules);
}

function checkPackage(template: Template, rules: TemplateRules): void {
  const { packages = NO_RULES } = rules;
  const found = findRunnable(template);
  if (!found) return;
  const { runner } = template.extras;
  const { ecosystem, version, definition } = found;
  checkGate(ecosystem, rules);
  const source = checkPackageSource({
    ecosystem,
    name: definition.identifier,
    ...(version !== undefined && { version }),
    ...(runner.bin !== undefined && { bin: runner.bin }),
    ...(runner.constraints.length > 0 && { constraints: runner.constraints }),
    ...(runner.overrides.length > 0 && { overrides: runner.overrides }),
  });
  checkSourceAllowed(source, packages);
}

function checkRemote(
  { url, type }: NonNullable<Template['document']['remotes']>[number],
  rules: TemplateRules,
): void {
  checkGate('remote', rules);
  const result = remoteSchema.safeParse({ url, transport: type });
  if (!result.success) throw toInputError(result.error);
  rules.remote.check(new URL(result.data.url));
}

function variableFaults({ document, extras }: Template): Fault[] {
  const { packages = [] } = document;
  const names = [
    ...packages.flatMap(({ environmentVariables = [] }, at) =>
      environmentVariables.map(
        ({ name }, index) => [name, `/packages/${at}/environmentVariables/${index}/name`] as const,
      ),
    ),
    ...Object.keys(extras.runner.homeFiles).map(
      (name) => [name, `/_meta/…/runner/homeFiles/${name}`] as const,
    ),
  ];
  return names.flatMap(([name, pointer]) => {
    if (!ENV_NAME.test(name)) return [{ pointer, detail: 'must be the name of an environment variable' }];
    if (isForbiddenEnvName(name))
      return [{ pointer, detail: 'may not be set: it changes how programs are found or loaded' }];
    return [];
  });
}
