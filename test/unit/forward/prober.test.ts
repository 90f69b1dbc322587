import { expect, it } from 'vitest';
import { askServer } from '../../../src/cli/doctor/ask-server.ts';
import { buildQuestion, UdpProber } from '../../../src/forward/prober.ts';
import { probeSelf } from '../../../src/host/self-probe.ts';

/** Connecting to the broadcast address is refused on the spot, as where no way leads. */
const ADDRESS = '255.255.255.255';

it('a probe to where no way leads fails, and that is all', async () => {
  const target = { address: ADDRESS, port: 53, sourceAddress: '', tls: null };
  const question = buildQuestion('.', 2, true) ?? Buffer.alloc(0);
  const isAnswered = await new Promise((done) => new UdpProber(target).ask(question, done));
  expect(isAnswered).toBe(false);
});

it('so does one from an address that is not ours', async () => {
  const target = { address: '127.0.0.1', port: 53, sourceAddress: '192.0.2.1', tls: null };
  const question = buildQuestion('.', 2, true) ?? Buffer.alloc(0);
  const isAnswered = await new Promise((done) => new UdpProber(target).ask(question, done));
  expect(isAnswered).toBe(false);
});

it('so does one of our own address', async () => {
  const target = { ip: ADDRESS, port: 53, transport: 'udp', deadlineMs: 5000 } as const;
  expect(await probeSelf(target)).toBe(false);
});

it('so does a question of doctor', async () => {
  const options = { address: ADDRESS, port: 53, transport: 'udp', name: '.', deadlineMs: 5000 };
  expect(await askServer({ ...options, transport: 'udp' })).toBeNull();
});
