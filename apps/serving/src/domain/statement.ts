import { createHash, createPublicKey, verify } from 'node:crypto';
import type { ModelVersion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { AppError } from '@millrace/kernel';

/** The bytes that the registry signs for a model version: five lines, each ended by a line feed. */
export function statementOf(version: ModelVersion): Buffer {
  const lines = [
    'millrace.registry.v1.ModelVersion',
    version.name,
    version.model?.digest ?? '',
    version.profile?.digest ?? '',
    version.lineage?.featureService ?? '',
  ];
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

/** The id of an Ed25519 public key: the first 16 hexadecimal digits of the SHA-256 of its SubjectPublicKeyInfo. */
export function keyIdOf(publicKeyPem: string): string {
  const der = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/**
 * Checks the registry's Ed25519 signature (RFC 8032) over a model version.
 *
 * @throws AppError DATA_LOSS `MODEL_SIGNATURE_INVALID`.
 */
export function checkSignature(version: ModelVersion, publicKeyPem: string): void {
  const signature = Buffer.from(version.signatureBase64, 'base64');
  const isByKey = version.signatureKeyId === keyIdOf(publicKeyPem);
  if (isByKey && verify(null, statementOf(version), createPublicKey(publicKeyPem), signature)) return;
  throw new AppError(
    'DATA_LOSS',
    `Model version "${version.name}" has a signature that is not the registry's, so it is not loaded. Register the model again.`,
    { reason: 'MODEL_SIGNATURE_INVALID', fields: { name: version.name, key_id: version.signatureKeyId } },
  );
}
