import { generateKeyPairSync } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The PEM text of the private key: of `keyFile` where one is given, else of a file in `directory` that is made once, for the
 * owner's eyes only.
 */
export async function loadSigningKey(directory: string, keyFile: string | undefined): Promise<string> {
  if (keyFile) return readFile(keyFile, 'utf8');
  const path = join(directory, 'signing-key.pem');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await createKey(path);
  return readFile(path, 'utf8');
}

/** Writes a new key; when another process was faster, its key stays. */
async function createKey(path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (!file) return;
  try {
    await file.writeFile(pem);
    await file.sync();
    await file.close();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
