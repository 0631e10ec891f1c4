import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** What a signature vouches for. */
export interface StatementFacts {
  /** Name of the model version. */
  readonly name: string;
  /** Digest of the ONNX file. */
  readonly modelDigest: string;
  /** Digest of the profile, or empty. */
  readonly profileDigest: string;
  /** Name of the feature service, or empty. */
  readonly featureService: string;
}

/**
 * The bytes that are signed: these five lines, each ended by a line feed. `serving` builds the same from a model version
 * before it loads it.
 */
export function statementOf(facts: StatementFacts): Buffer {
  const { name, modelDigest, profileDigest, featureService } = facts;
  return Buffer.from(
    `millrace.registry.v1.ModelVersion\n${name}\n${modelDigest}\n${profileDigest}\n${featureService}\n`,
  );
}

/** Signs statements with one Ed25519 key (RFC 8032). */
export interface Signer {
  /** First 16 hexadecimal digits of the SHA-256 of the public key (SubjectPublicKeyInfo, DER). */
  readonly keyId: string;
  /** The public key, SubjectPublicKeyInfo in PEM. */
  readonly publicKeyPem: string;
  /** The signature, base64. */
  sign(facts: StatementFacts): string;
  /** Whether the signature is this key's over these facts. */
  verify(facts: StatementFacts, signatureBase64: string): boolean;
}

/** Makes a signer from a private key in PEM. */
export function createSigner(privateKeyPem: string): Signer {
  const privateKey = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(privateKey);
  return {
    keyId: keyIdOf(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (facts) => sign(null, statementOf(facts), privateKey).toString('base64'),
    verify: (facts, signature) => verify(null, statementOf(facts), publicKey, Buffer.from(signature, 'base64')),
  };
}

function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}
