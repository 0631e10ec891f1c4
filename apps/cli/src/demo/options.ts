/** What `millrace demo` can be told. */
export interface DemoOptions {
  readonly dir: string;
  readonly json?: boolean;
  readonly keepUp?: boolean;
  readonly data?: string;
  readonly sample: string;
}
