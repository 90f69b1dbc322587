import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { askDaemon } from '../../../src/control/control-client.ts';
import { ControlError } from '../../../src/control/control-error.ts';
import { findControlNames } from '../../../src/control/control-name.ts';
import { ControlServer } from '../../../src/control/control-server.ts';
import type { ControlRequest } from '../../../src/control/protocol.ts';
import { Log } from '../../../src/log/log.ts';

type Answer = (request: ControlRequest) => AsyncIterable<unknown>;

async function startServer(answer: Answer) {
  const lines: string[] = [];
  const log = new Log((line) => lines.push(line));
  const server = new ControlServer({ answer, log });
  await server.start();
  onTestFinished(() => server.stop());
  await expect.poll(ownName).toBeDefined();
  return { server, lines };
}

async function ownName(): Promise<string | undefined> {
  return (await findControlNames()).find((name) => name.endsWith(`-${process.pid}`));
}

async function collect(request: ControlRequest, pid = process.pid): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of askDaemon(request, pid)) items.push(item);
  return items;
}

test('items arrive as they were given, many and large ones too', async () => {
  const items = Array.from({ length: 2000 }, (_, id) => ({ id, text: 'ä'.repeat(500) }));
  await startServer(async function* () {
    yield* items;
  });
  expect(await collect({ command: 'dump' })).toEqual(items);
});

test('what the request cannot get is said to the one who asked, and not logged', async () => {
  const { lines } = await startServer(async function* () {
    yield 1;
    throw new ControlError('"x" is no record type');
  });
  await expect(collect({ command: 'state' })).rejects.toThrow(
    new ControlError('"x" is no record type'),
  );
  expect(lines).toEqual([]);
});

test('a fault of ours is logged', async () => {
  const { lines } = await startServer(() => {
    throw new TypeError('oops');
  });
  await expect(collect({ command: 'state' })).rejects.toThrow('oops');
  expect(lines).toEqual(['[ERROR] command: TypeError: oops']);
});

test('a request without an end is refused when it is too long', async () => {
  await startServer(async function* () {
    yield 'answered';
  });
  const socket = connect({ path: `\0${await ownName()}` });
  socket.on('error', () => {});
  socket.write('x'.repeat(5000));
  expect(await text(socket)).toBe('{"error":"the request is no JSON"}\n');
});

test('without a daemon there is a word about how to reach one', async () => {
  await expect(collect({ command: 'state' }, 4_194_304)).rejects.toThrow(
    /^no daemon with process ID 4194304 runs in this network namespace; .*kubectl exec/,
  );
});
