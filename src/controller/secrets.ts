/**
 * The Secrets of a server. The controller may make and remove Secrets, and neither read nor list them: what it is about to make
 * is written down on the server's account first, so that a crash at any point leaves nothing that nobody knows of.
 */
import { CERTIFICATE_ANNOTATION, secretsOf, serviceAccount } from '../cluster/objects/account.ts';
import type { Owner } from '../cluster/objects/blueprint.ts';
import type { Secret } from '../cluster/objects/config-secret.ts';
import { childName, linkSecretName } from '../cluster/objects/naming.ts';
import { type KubeObject, SECRETS, SERVICE_ACCOUNTS } from '../cluster/resources.ts';
import type { Applier } from './applier.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';

export interface LedgerTools {
  readonly api: ClusterApi;
  readonly applier: Applier;
}

/** What is written down before anything is made; the account is made with it. */
export class SecretLedger {
  readonly #api: ClusterApi;
  readonly #applier: Applier;
  readonly #owner: Owner;
  #known: ReadonlySet<string> = new Set();
  #certificate: string | undefined;

  private constructor({ api, applier }: LedgerTools, owner: Owner) {
    this.#api = api;
    this.#applier = applier;
    this.#owner = owner;
  }

  /** Reads the account, and makes it where there is none. */
  static async open(tools: LedgerTools, owner: Owner): Promise<SecretLedger> {
    const { api } = tools;
    const ledger = new SecretLedger(tools, owner);
    const target = { namespace: owner.namespace, name: childName(owner) };
    const account = await api.get<KubeObject>(SERVICE_ACCOUNTS, target);
    // One of an earlier server of this name is about to be removed with everything of it.
    const own = account?.metadata.ownerReferences?.some(({ uid }) => uid === owner.uid);
    ledger.#known = new Set(own ? secretsOf(account) : []);
    if (own) ledger.#certificate = account?.metadata.annotations?.[CERTIFICATE_ANNOTATION];
    if (!own) await ledger.#write(ledger.#known);
    return ledger;
  }

  /** Makes those that are not there yet: they are immutable, and named by what is in them. */
  async make(secrets: readonly Secret[]): Promise<void> {
    const missing = secrets.filter(({ metadata }) => !this.#known.has(metadata.name ?? ''));
    if (missing.length > 0)
      await this.#write(new Set([...this.#known, ...missing.map(({ metadata }) => metadata.name ?? '')]));
    for (const secret of secrets) await this.#applier.create(SECRETS, secret);
  }

  /** Names of those that may be there. */
  get known(): ReadonlySet<string> {
    return this.#known;
  }

  /** When the certificate of the supervisors was signed, and under what; undefined when there is none. */
  get certificate(): string | undefined {
    return this.#certificate;
  }

  /** Makes or replaces the certificate of the supervisors: written down as signed when it is there. */
  async renewCertificate(secret: Secret, note: string): Promise<void> {
    const { name = '' } = secret.metadata;
    if (!this.#known.has(name)) await this.#write(new Set([...this.#known, name]));
    await this.#applier.put(SECRETS, secret);
    this.#certificate = note;
    await this.#write(this.#known);
  }

  /** Makes it again when somebody has removed it. */
  async restoreCertificate(secret: Secret, note: string): Promise<void> {
    if (!(await this.#applier.create(SECRETS, secret))) return;
    this.#certificate = note;
    await this.#write(this.#known);
  }

  /** Removes all others. */
  async keepOnly(names: ReadonlySet<string>): Promise<void> {
    const stale = [...this.#known].filter((name) => !names.has(name));
    if (stale.length === 0) return;
    const { namespace } = this.#owner;
    for (const name of stale) await this.#applier.remove(SECRETS, { metadata: { namespace, name } });
    if (!names.has(linkSecretName(this.#owner))) this.#certificate = undefined;
    await this.#write(new Set([...this.#known].filter((name) => names.has(name))));
  }

  async #write(names: ReadonlySet<string>): Promise<void> {
    const account = serviceAccount(this.#owner, [...names], this.#certificate);
    await this.#api.apply(SERVICE_ACCOUNTS, account, { manager: MANAGER, force: true });
    this.#known = names;
  }
}
