/** Stops the PostgreSQL that the set-up started, and only that one. */
export default async function globalTeardown() {
  await globalThis.millraceTestPostgres?.stop();
}
