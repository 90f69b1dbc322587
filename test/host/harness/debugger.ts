/** Makes a running daemon do what it has no command for, by way of Node's debugger. */
import { NODE, until } from './command.ts';
import type { Daemon } from './daemon.ts';

/** For Daemon.launch: a debugger on any free port of the node's loopback interface. */
export const WITH_DEBUGGER = ['--inspect=127.0.0.1:0'];

/** Sends one command; does not wait for what comes of it. */
const SEND = `
const socket = new WebSocket(process.argv[1]);
const message = { id: 1, method: 'Runtime.evaluate', params: { expression: process.argv[2] } };
socket.onopen = () => {
  socket.send(JSON.stringify(message));
  setTimeout(() => process.exit(0), 100);
};
`;

/** Has a daemon that was launched with the debugger run some JavaScript. */
export async function evaluate(daemon: Daemon, expression: string): Promise<void> {
  const url = await until(
    'the address of the debugger',
    () => /Debugger listening on (\S+)/.exec(daemon.output)?.[1],
  );
  daemon.cluster.node.run(NODE, '-e', SEND, url, expression);
}
