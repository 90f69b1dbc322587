/** Servers that run on the core that is for them. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-port.ts';
import { Program, SERVER_CORE } from './process.ts';
import type { Launch, Server, Setup } from './servers.ts';
import { untilAnswering } from './wait.ts';

/** A server that answers. */
export interface Running {
  readonly name: string;
  readonly program: Program;
  readonly port: number;
  readonly launch: Launch;
  /** From exec to the first answer. */
  readonly startMs: number;
}

/** What is not the server's own. */
export type Surroundings = Omit<Setup, 'folder' | 'port' | 'metricsPort'>;

/**
 * Starts `server` with a folder of its own in `parent`. Null when it cannot do what is asked of it; rejects when it
 * does not answer.
 */
export async function startServer(
  server: Server,
  parent: string,
  surroundings: Surroundings,
): Promise<Running | null> {
  const folder = mkdtempSync(join(parent, 'server-'));
  const [port, metricsPort] = [await freePort(), await freePort()];
  const launch = server.launch({ ...surroundings, folder, port, metricsPort });
  if (launch === null) return null;
  for (const [name, text] of Object.entries(launch.files)) writeFileSync(join(folder, name), text);
  const program = new Program(SERVER_CORE, launch.command, launch.env);
  try {
    const startMs = await untilAnswering(program, port);
    return { name: server.name, program, port, launch, startMs };
  } catch (error) {
    await program.stop();
    throw error;
  }
}
