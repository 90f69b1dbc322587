/** The other end of control-server.ts: asks the running daemon. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { isTrusted } from '../sockets/abstract-socket.ts';
import { ControlError } from './control-error.ts';
import { findControlNames } from './control-name.ts';
import type { ControlLine, ControlRequest } from './protocol.ts';

/** A daemon that says nothing for so long hangs. */
const DEADLINE_MS = 15_000;
const TURNED_AWAY = 'the daemon closed the connection: only root and its own user are let in';

/**
 * The items of the youngest daemon's answer. Throws ControlError when there is no daemon, when it
 * does not let us, and when it cannot meet the request.
 *
 * @param pid of the daemon, where there are several; absent: the youngest
 */
export async function* askDaemon(request: ControlRequest, pid?: number): AsyncGenerator<unknown> {
  const names = await findControlNames();
  const name = names.find((candidate) => pid === undefined || candidate.endsWith(`-${pid}`));
  if (name === undefined) throw new ControlError(noDaemonText(pid));
  const socket = connect({ path: `\0${name}` });
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('no answer in time')));
  try {
    socket.on('connect', () => {
      if (isTrusted(socket)) socket.write(`${JSON.stringify(request)}\n`);
      else socket.destroy(new Error('its user is neither root nor ours'));
    });
    for await (const text of createInterface({ input: socket })) {
      const line = JSON.parse(text) as ControlLine;
      if ('error' in line) throw new ControlError(line.error);
      if ('end' in line) return;
      yield line.item;
    }
    throw new ControlError(TURNED_AWAY);
  } catch (cause) {
    if (cause instanceof ControlError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EPIPE' || code === 'ECONNRESET') throw new ControlError(TURNED_AWAY, cause);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ControlError(`asking the daemon at @${name}: ${why}`, cause);
  } finally {
    socket.destroy();
  }
}

function noDaemonText(pid?: number): string {
  const which = pid === undefined ? '' : ` with process ID ${pid}`;
  return `no daemon${which} runs in this network namespace; run this in its pod: kubectl exec -n kube-system POD -- /node-cache …`;
}
