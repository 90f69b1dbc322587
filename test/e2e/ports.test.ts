/** Ports that others hold: fatal where DNS or health needs them, a log line for metrics. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { COREFILE, prepareDaemon, startDaemon } from '../helpers/running-daemon.ts';

test.each(['tcp', 'udp'] as const)(
  'a DNS port in use over %s ends the start',
  async (transport) => {
    const port = await holdPort(transport);
    const daemon = await prepareDaemon({ corefile: COREFILE.replaceAll('{PORT}', `${port}`) });
    expect(await daemon.process.untilExit()).toMatchObject({ status: 1 });
    expect(daemon.process.output).toContain(`127.0.0.1:${port}`);
    expect(daemon.process.output).toMatch(/in use/);
  },
);

test('a health port in use ends the start', async () => {
  const port = await holdPort('tcp');
  const daemon = await prepareDaemon({ corefile: COREFILE.replaceAll('{HEALTH}', `${port}`) });
  expect(await daemon.process.untilExit()).toMatchObject({ status: 1 });
  expect(daemon.process.output).toContain(`127.0.0.1:${port}`);
  expect(daemon.process.output).toMatch(/in use/);
});

test('a metrics port in use is logged, and DNS is served', async () => {
  const port = await holdPort('tcp');
  const daemon = await startDaemon({ corefile: COREFILE.replaceAll('{METRICS}', `${port}`) });
  await daemon.process.untilOutput(`127.0.0.1:${port}`);
  expect(daemon.process.output).toMatch(/\[ERROR\].*in use/);
  expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
});

test('the port of the second metrics server in use is logged, and DNS is served', async () => {
  const port = await holdPort('tcp');
  const daemon = await startDaemon({ flags: ['-metrics-listen-address', `127.0.0.1:${port}`] });
  await daemon.process.untilOutput(`127.0.0.1:${port}`);
  expect(daemon.process.output).toMatch(/\[ERROR\].*in use/);
  expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
});

test('an address that this machine does not have ends the start', async () => {
  const corefile = COREFILE.replace('bind 127.0.0.1', 'bind 192.0.2.1');
  const daemon = await prepareDaemon({ corefile });
  expect(await daemon.process.untilExit()).toMatchObject({ status: 1 });
  expect(daemon.process.output).toContain('192.0.2.1');
});

/** Listens on a port of 127.0.0.1, without sharing it, until the test is over. */
async function holdPort(transport: 'tcp' | 'udp'): Promise<number> {
  const port = await freePort();
  if (transport === 'tcp') {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
  } else {
    const socket = createSocket('udp4');
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    onTestFinished(() => void socket.close());
  }
  return port;
}
