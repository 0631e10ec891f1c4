import type { Endpoint } from '@millrace/contracts/millrace/serving/v1/endpoint';
import type { FieldViolation } from '@millrace/kernel';
import { canonicalJson, invalidArgument, names, sha256 } from '@millrace/kernel';
import type { EndpointRow } from '../store/endpoints.ts';

const QUEUE_MAX_DEFAULT = 1024;
const ROWS_MAX_DEFAULT = 10_000;
const DESCRIPTION_MAX = 10_000;

/** What an alias looks like. */
const ALIAS = /^[a-z][a-z0-9_-]{0,62}$/;

/** Proto names of the fields that can change, and the row's. */
const CHANGEABLE: Readonly<Record<string, keyof EndpointRow>> = {
  description: 'description',
  registered_model: 'registeredModel',
  alias: 'alias',
  queue_max: 'queueMax',
  rows_max: 'rowsMax',
  log_predictions: 'logPredictions',
};

/**
 * An endpoint as it is asked for, with its defaults.
 *
 * @throws AppError INVALID_ARGUMENT `RESOURCE_NAME_INVALID`, `ENDPOINT_INVALID`.
 */
export function definitionOf(endpoint: Endpoint | undefined, now: Date): EndpointRow {
  const name = endpoint?.name ?? '';
  const { workspace } = names.endpoint.parse(name, 'endpoint.name');
  const registeredModel = endpoint?.registeredModel ?? '';
  names.registeredModel.parse(registeredModel, 'endpoint.registered_model');
  const alias = endpoint?.alias || 'champion';
  const description = endpoint?.description ?? '';
  const violations: FieldViolation[] = [];
  if (!ALIAS.test(alias)) {
    violations.push({
      field: 'endpoint.alias',
      description: `${JSON.stringify(alias.slice(0, 80))} is not an alias. Use 1 to 63 lower-case letters, digits, "-" or "_", beginning with a letter.`,
    });
  }
  if (description.length > DESCRIPTION_MAX)
    violations.push({ field: 'endpoint.description', description: `is too long. Use ${DESCRIPTION_MAX} characters.` });
  if (violations.length > 0) throw invalidArgument('ENDPOINT_INVALID', violations);
  return withEtag({
    name,
    workspace,
    description,
    registeredModel,
    alias,
    queueMax: endpoint?.queueMax || QUEUE_MAX_DEFAULT,
    rowsMax: endpoint?.rowsMax || ROWS_MAX_DEFAULT,
    logPredictions: endpoint?.logPredictions ?? true,
    etag: '',
    createdAt: now,
  });
}

/**
 * The known endpoint with the masked fields of the wanted one; an empty mask changes all that can be changed.
 *
 * @throws AppError INVALID_ARGUMENT `UPDATE_MASK_INVALID`.
 */
export function applyMask(known: EndpointRow, wanted: EndpointRow, paths: readonly string[]): EndpointRow {
  const unknown = paths.filter((path) => !Object.hasOwn(CHANGEABLE, path));
  if (unknown.length > 0) {
    const changeable = Object.keys(CHANGEABLE).join(', ');
    throw invalidArgument(
      'UPDATE_MASK_INVALID',
      unknown.map((path) => ({
        field: 'update_mask',
        description: `"${path}" cannot be changed; only ${changeable}.`,
      })),
    );
  }
  const fields = (paths.length > 0 ? paths : Object.keys(CHANGEABLE)).map((path) => CHANGEABLE[path]!);
  const changes = Object.fromEntries(fields.map((field) => [field, wanted[field]]));
  return withEtag({ ...known, ...changes });
}

function withEtag(row: EndpointRow): EndpointRow {
  const { etag: _, createdAt, ...rest } = row;
  const digest = sha256(canonicalJson({ ...rest, createdAt: createdAt.toISOString() }));
  return { ...row, etag: digest.slice('sha256:'.length, 'sha256:'.length + 16) };
}
