import packet from 'dns-packet';
import { expect, test } from 'vitest';
import type { Client } from '../../../src/dns/query.ts';
import { Query } from '../../../src/dns/query.ts';
import { QueryView } from '../../../src/dns/query-view.ts';
import type { Outcome, Stage } from '../../../src/plugins/stage.ts';
import { whoami } from '../../../src/plugins/whoami.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { clientOver } from '../../helpers/queries.ts';

const unused: Stage = { resolve: () => expect.unreachable() };

/** What a client that asks for `name` is told. */
function ask(name: string, client: Partial<Client>): Outcome {
  const message = packet.encode({
    type: 'query',
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type: 'A' }],
  });
  const view = new QueryView();
  view.read(message, 0, message.length);
  const query = new Query(view, message, 0, {
    client: { ...clientOver('udp'), ...client },
    zone: '.',
    server: '',
    nowMs: 0,
  });
  let outcome: Outcome | undefined;
  const stage = whoami.stage?.(parseWith(whoami, 'whoami'), makeContext().context, unused);
  stage?.resolve(query, (given) => {
    outcome = given;
  });
  return outcome as Outcome;
}

test('the client is told its address and port', () => {
  const { answer, plugin } = ask('example.org', { address: '192.0.2.7', port: 4711 });
  const message = packet.decode(answer?.wire as Buffer);
  expect(plugin).toBe('whoami');
  expect(message).toMatchObject({ flag_aa: true, rcode: 'NOERROR', answers: [] });
  expect(message.additionals).toMatchObject([
    { name: 'example.org', type: 'A', ttl: 0, data: '192.0.2.7' },
    { name: '_udp.example.org', type: 'SRV', ttl: 0, data: { port: 4711, target: '.' } },
  ]);
});

test('IPv6 and TCP are told apart, at the root too', () => {
  const { answer } = ask('.', { address: 'fd00::7', family: 6, transport: 'tcp' });
  expect(packet.decode(answer?.wire as Buffer).additionals).toMatchObject([
    { name: '.', type: 'AAAA', data: 'fd00::7' },
    { name: '_tcp', type: 'SRV' },
  ]);
});

test('a name that leaves no room for _udp gets the address alone', () => {
  const label = 'a'.repeat(62);
  const name = `${label}.${label}.${label}.${label}`;
  expect(packet.decode(ask(name, {}).answer?.wire as Buffer).additionals).toHaveLength(1);
});

test.each([
  ['whoami 1', 'argument-count'],
  ['whoami {\n x\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(whoami, text)).toBe(code);
});
