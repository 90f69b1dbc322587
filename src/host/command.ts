/** Runs the operating system's tools, never in the way of the event loop and never for ever. */
import { spawn } from 'node:child_process';

/** What became of a command. */
export interface CommandResult {
  /** Exit status; null when it was not there, was killed or ran out of time. */
  readonly status: number | null;
  readonly stdout: string;
  /** Standard error, or why there was no exit status. */
  readonly stderr: string;
  /** The program does not exist. */
  readonly missing: boolean;
}

export interface CommandOptions {
  readonly deadlineMs: number;
  readonly stdin?: string;
  /** Kills the command when aborted. */
  readonly signal?: AbortSignal;
}

/** Runs a program; never rejects. Swapped in tests. */
export type CommandRunner = (
  file: string,
  args: readonly string[],
  options: CommandOptions,
) => Promise<CommandResult>;

/** Read once: each look into `process.env` is a call into the system. */
const environment = { ...process.env };

/** The real thing. */
export const runCommand: CommandRunner = (file, args, options) =>
  new Promise((resolve) => {
    if (options.signal?.aborted) {
      resolve({ status: null, stdout: '', stderr: 'not wanted any more', missing: false });
      return;
    }
    const child = spawn(file, args, {
      stdio: 'pipe',
      env: environment,
      timeout: options.deadlineMs,
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (cause: NodeJS.ErrnoException) => {
      resolve({
        status: null,
        stdout: '',
        stderr: cause.message,
        missing: cause.code === 'ENOENT',
      });
    });
    child.on('close', (status, signal) => {
      const said = Buffer.concat(stderr).toString().trim();
      const ended = signal === null ? said : `${said} (ended by ${signal})`.trim();
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: ended, missing: false });
    });
    // A program that exits without reading its input breaks the pipe; its status says the rest.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
  });
