import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { hostPort, ListenError } from '../../../src/server/listen-error.ts';
import { EACCES, EADDRINUSE, EADDRNOTAVAIL } from '../../../src/sockets/libc.ts';

/** Listens on a free port over both transports and prints it. */
const HOLDER = `
  const tcp = require('net').createServer().listen(0, '127.0.0.1', () => {
    const { port } = tcp.address();
    require('dgram').createSocket('udp4').bind(port, '127.0.0.1', () => console.log(port));
  });`;

describe('ListenError', () => {
  test.each(['udp', 'tcp'] as const)(
    'names the process that holds a %s address',
    async (transport) => {
      const child = spawn(process.execPath, ['-e', HOLDER], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(child.stdout, 'data');
      const port = Number(line);
      const error = new ListenError({ transport, address: '127.0.0.1', port }, 'bind', EADDRINUSE);
      child.kill();
      expect(error.code).toBe('address-in-use');
      expect(error.message).toMatch(
        new RegExp(
          `^Listen: listen ${transport} 127\\.0\\.0\\.1:${port}: bind: address already in use \\(by ".+", process ${child.pid}\\)$`,
        ),
      );
    },
  );

  test('says what the original says when an address is missing or forbidden', () => {
    const target = { transport: 'tcp', address: 'fd00::1', port: 53 } as const;
    const missing = new ListenError(target, 'bind', EADDRNOTAVAIL);
    expect(missing.message).toBe(
      'Listen: listen tcp [fd00::1]:53: bind: cannot assign requested address',
    );
    expect(missing.code).toBe('address-unavailable');
    const forbidden = new ListenError(target, 'bind', EACCES);
    expect(forbidden.message).toBe('Listen: listen tcp [fd00::1]:53: bind: permission denied');
    expect(forbidden.code).toBe('not-permitted');
  });

  test('writes the wildcard address as the original does', () => {
    expect(hostPort('', 53)).toBe(':53');
  });
});
