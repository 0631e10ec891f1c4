import type { CommandSpec, OptionSpec } from '../tree/spec.ts';

/** `millrace up`; its options are the platform's settings. */
export function upCommand(settings: readonly OptionSpec[]): CommandSpec {
  return {
    name: 'up',
    about: 'Starts the platform in this process: all services, on an embedded PostgreSQL',
    options: [
      {
        flags: '--config <file>',
        about: 'YAML or JSON file with settings; environment and options go before it',
        complete: 'file',
      },
      { flags: '--print-config', about: 'Tells the configuration and starts nothing' },
      ...settings,
    ],
    examples: ['up', 'up --dir /data/millrace --grpc-port 0 --gateway-port 0', 'up --print-config'],
    more: 'Settings come from their defaults, the file, the environment (MILLRACE__…) and the options, later ones win.',
    load: async () => (await import('../up/up.ts')).up,
  };
}

/** Commands about the platform as a whole. */
export const platformCommands: readonly CommandSpec[] = [
  {
    name: 'status',
    about:
      'Tells how the platform is: services, work by state, events, endpoints; exit code 1 when something does not serve',
    examples: ['status', 'status --json'],
    load: async () => (await import('../actions/status.ts')).status,
  },
  {
    name: 'doctor',
    about: 'Checks whether this machine can run the platform, and says what to do where it cannot',
    options: [
      { flags: '--grpc-port <port>', about: 'Port that must be free (default: 8081)' },
      { flags: '--gateway-port <port>', about: 'Port that must be free (default: 8080)' },
    ],
    examples: ['doctor', 'doctor --dir /data/millrace'],
    load: async () => (await import('../doctor/doctor.ts')).doctor,
  },
  {
    name: 'completion',
    about: 'Writes the script for completion in a shell',
    arguments: [{ name: '<shell>', about: 'Which shell', choices: ['bash', 'zsh', 'fish'] }],
    examples: [
      'completion bash > /etc/bash_completion.d/millrace',
      'completion zsh > ~/.zsh/completions/_millrace',
      'completion fish > ~/.config/fish/completions/millrace.fish',
    ],
    load: async () => (await import('../completion/completion.ts')).completion,
  },
];
