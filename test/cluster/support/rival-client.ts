/** A client of the API for a candidate that knows nothing of another one: the lease that it asks for is one that nobody else has. */
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { LEASES, type ObjectName, type Resource } from '../../../src/cluster/resources.ts';

export class RivalClient extends ApiClient {
  override get: ApiClient['get'] = (kind, target, options) => super.get(kind, own(kind, target), options);

  override create: ApiClient['create'] = (kind, object, options) =>
    super.create(kind, { ...object, metadata: own(kind, object.metadata) }, options);

  override replace: ApiClient['replace'] = (kind, object, options) =>
    super.replace(kind, { ...object, metadata: own(kind, object.metadata) }, options);
}

const ENDING = '-of-a-rival';

function own<T extends Partial<ObjectName>>(kind: Resource, named: T): T {
  if (kind !== LEASES || named.name === undefined || named.name.endsWith(ENDING)) return named;
  return { ...named, name: `${named.name}${ENDING}` };
}
