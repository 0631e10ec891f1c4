/** A stream that text is written to. */
export interface Output {
  write(text: string): unknown;
  /** Whether a person looks at it. */
  readonly isTTY?: boolean;
  /** Characters of a line, where it is a terminal. */
  readonly columns?: number;
}

/** What the command line touches of its process, so that tests can bring their own. */
export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All of standard input as text. */
  readStdin(): Promise<string>;
  /** Aborted by Ctrl+C. */
  readonly interrupted: AbortSignal;
  /** Leaves SIGINT and SIGTERM to the caller: the first one calls `stop`, the second one ends the process at once. */
  onSignals(stop: () => void): void;
}

/** The process's own streams and signals. Signals are left alone until somebody asks for them. */
export function processIo(): CliIo {
  const interruption = new AbortController();
  let stop = () => interruption.abort();
  let isListening = false;
  const listen = () => {
    if (isListening) return;
    isListening = true;
    let isStopping = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (isStopping) process.exit(signal === 'SIGINT' ? 130 : 143);
      isStopping = true;
      stop();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  };
  // The reader of a pipe went away (`millrace … | head`): nobody is left to tell.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    get interrupted() {
      listen();
      return interruption.signal;
    },
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
    onSignals(onStop) {
      stop = onStop;
      listen();
    },
  };
}
