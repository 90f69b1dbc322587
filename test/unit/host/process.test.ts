/** What this process finds out about itself and its neighbours, on the loopback. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode, streamEncode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../../src/host/command.ts';
import { checkNetAdmin } from '../../../src/host/conflict.ts';
import { hasOtherOwner } from '../../../src/host/other-instance.ts';
import { probeSelf, UdpProbe } from '../../../src/host/self-probe.ts';

const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
const DEAD_MAN = new URL('../../../src/host/dead-man.ts', import.meta.url).href;

describe('runCommand', () => {
  test('gives status and output, and passes the input on', async () => {
    const result = await runCommand('sh', ['-c', 'cat; echo no >&2; exit 3'], {
      stdin: 'yes',
      deadlineMs: 5000,
    });
    expect(result).toEqual({ status: 3, stdout: 'yes', stderr: 'no', missing: false });
  });

  test('says when there is no such program', async () => {
    const result = await runCommand('no-such-program-here', [], { deadlineMs: 5000 });
    expect(result).toMatchObject({ status: null, missing: true });
  });

  test('ends what takes too long, and what is not wanted any more', async () => {
    const late = await runCommand('sleep', ['30'], { deadlineMs: 50 });
    expect(late).toMatchObject({ status: null, stderr: '(ended by SIGKILL)' });
    const signal = AbortSignal.abort();
    expect(await runCommand('sleep', ['30'], { deadlineMs: 30_000, signal })).toMatchObject({
      status: null,
    });
  });
});

describe('other owners of an address', () => {
  test('our own socket is none', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    expect(hasOtherOwner('127.0.0.1', port)).toBe(false);
    socket.close();
  });

  test("another process's socket is, on its own address and port only", async () => {
    const program = `const s = require('dgram').createSocket('udp4'); s.bind(0, '127.0.0.1', () => console.log(s.address().port));`;
    const child = spawn(NODE, ['-e', program]);
    const port = await new Promise<number>((resolve) => {
      child.stdout.once('data', (chunk) => resolve(Number(chunk)));
    });
    expect(hasOtherOwner('127.0.0.1', port)).toBe(true);
    expect(hasOtherOwner('127.0.0.2', port)).toBe(false);
    expect(hasOtherOwner('127.0.0.1', port - 1)).toBe(false);
    child.kill();
  });
});

describe('probeSelf', () => {
  const answerTo = (query: Buffer, change = 0) => {
    const { id = 0, questions } = decode(query);
    return { type: 'response' as const, id: (id + change) & 0xffff, questions };
  };

  async function withUdp(reply: (query: Buffer) => Buffer | null): Promise<boolean> {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) => {
      const message = reply(query);
      if (message !== null) socket.send(message, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    const found = await probeSelf({ ip: '127.0.0.1', port, transport: 'udp', deadlineMs: 150 });
    socket.close();
    return found;
  }

  test('an answer over UDP is one', async () => {
    expect(await withUdp((query) => encode(answerTo(query)))).toBe(true);
  });

  test.each([
    ['silence', () => null],
    ["somebody else's answer", (query: Buffer) => encode(answerTo(query, 1))],
    ['the question itself', (query: Buffer) => query],
    ['noise', () => Buffer.from('noise')],
  ])('%s is none', async (_, reply) => {
    expect(await withUdp(reply)).toBe(false);
  });

  test('a kept probe asks from one socket, and after a silence from a new one', async () => {
    const ports: number[] = [];
    let isSilent = false;
    const server = createSocket('udp4');
    server.on('message', (query, from) => {
      ports.push(from.port);
      if (!isSilent) server.send(encode(answerTo(query)), from.port, from.address);
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const { port } = server.address();
    const probe = new UdpProbe({ ip: '127.0.0.1', port, deadlineMs: 300 });
    expect([await probe.ask(), await probe.ask()]).toEqual([true, true]);
    isSilent = true;
    expect(await probe.ask()).toBe(false);
    isSilent = false;
    // Holds the port that was let go, so that the next socket cannot have it.
    const holder = createSocket('udp4');
    await new Promise<void>((resolve) => holder.bind(ports[0], '127.0.0.1', resolve));
    expect(await probe.ask()).toBe(true);
    expect(ports).toEqual([ports[0], ports[0], ports[0], expect.any(Number)]);
    expect(ports[3]).not.toBe(ports[0]);
    probe.close();
    holder.close();
    server.close();
  });

  test('a closed port is none', async () => {
    const target = { ip: '127.0.0.1', port: 1, deadlineMs: 150 };
    expect(await probeSelf({ ...target, transport: 'udp' })).toBe(false);
    expect(await probeSelf({ ...target, transport: 'tcp' })).toBe(false);
  });

  test('an answer over TCP is one, in whatever pieces it comes', async () => {
    const server = createServer((socket) => {
      socket.once('data', (chunk) => {
        const message = streamEncode(answerTo(chunk.subarray(2)));
        socket.write(message.subarray(0, 1));
        setImmediate(() => socket.write(message.subarray(1)));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await probeSelf({ ip: '127.0.0.1', port, transport: 'tcp', deadlineMs: 2000 })).toBe(
      true,
    );
    server.close();
  });

  test('a TCP listener that accepts and says nothing is none', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await probeSelf({ ip: '127.0.0.1', port, transport: 'tcp', deadlineMs: 150 })).toBe(
      false,
    );
    server.close();
  });
});

describe('DeadMan', () => {
  const program = (rest: string) =>
    `import { DeadMan } from '${DEAD_MAN}'; const man = new DeadMan({ limitSeconds: 1 }); man.start(); ${rest}`;
  const run = (rest: string) =>
    spawnSync(NODE, ['--input-type=module', '-e', program(rest)], { timeout: 10_000 }).status;

  test('ends a process whose event loop spins, after its limit', () => {
    expect(run('for (;;);')).toBe(14);
  });

  test('ends a process whose event loop waits in the kernel, after four times its limit', () => {
    const wait = (ms: number) =>
      `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms}); process.exit(5);`;
    expect(run(wait(2500))).toBe(5);
    expect(run(wait(8000))).toBe(14);
  });

  test('spares a process that stood still for longer than it may spin', async () => {
    const rest = "console.log('started'); setTimeout(() => process.exit(7), 3000);";
    const child = spawn(NODE, ['--input-type=module', '-e', program(rest)]);
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    await sleep(2000);
    child.kill('SIGCONT');
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  test('does nothing to one that is well, nor to one that has stopped it', () => {
    expect(run('setTimeout(() => process.exit(5), 1600);')).toBe(5);
    expect(
      run('man.stop(); const end = Date.now() + 1300; while (Date.now() < end); process.exit(6);'),
    ).toBe(6);
  });
});

describe('checkNetAdmin', () => {
  test('is content with the capability', () => {
    expect(() => checkNetAdmin('CapEff:\t0000000000001000\n')).not.toThrow();
  });

  test('names it when it is missing', () => {
    expect(() => checkNetAdmin('CapEff:\t00000000a80425fb\n')).toThrow(
      expect.objectContaining({ code: 'net-admin', message: expect.stringContaining('NET_ADMIN') }),
    );
  });
});
