import packet from 'dns-packet';
import { expect, test } from 'vitest';
import { answerFromDemoZone } from '../../../src/cli/demo-zone.ts';

function ask(name: string, type: packet.RecordType): packet.DecodedPacket {
  const questions = [{ name, type }];
  const reply = answerFromDemoZone(
    packet.encode({ type: 'query', id: 7, flags: 0x100, questions }),
  );
  if (reply === null) throw new Error('no reply');
  return packet.decode(reply);
}
const rcodeOf = (reply: packet.DecodedPacket) => (reply as { rcode?: string }).rcode;
const dataOf = (reply: packet.DecodedPacket) =>
  (reply.answers ?? []).map((record) => (record as { data: unknown }).data);

test.each([
  ['kubernetes.default.svc.cluster.local', 'A', ['10.96.0.1']],
  ['kubernetes.default.svc.cluster.local', 'AAAA', ['fd00:10:96::1']],
  ['Web.Shop.svc.cluster.local', 'A', ['10.96.20.30']],
  ['database.shop.svc.cluster.local', 'A', ['10.244.1.7', '10.244.2.9', '10.244.3.4']],
  ['1.0.96.10.in-addr.arpa', 'PTR', ['kubernetes.default.svc.cluster.local']],
  [
    'a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa',
    'PTR',
    ['kube-dns.kube-system.svc.cluster.local'],
  ],
] as const)('%s %s is %j', (name, type, data) => {
  const reply = ask(name, type);
  expect(reply).toMatchObject({ id: 7, type: 'response', flag_aa: true, flag_rd: true });
  expect(dataOf(reply)).toEqual(data);
});

test.each([
  ['nobody.shop.svc.cluster.local', 'A', 'NXDOMAIN', 'cluster.local'],
  ['database.shop.svc.cluster.local', 'AAAA', 'NOERROR', 'cluster.local'],
  ['9.9.9.9.in-addr.arpa', 'PTR', 'NXDOMAIN', 'in-addr.arpa'],
] as const)('%s %s is a negative answer with a SOA record', (name, type, rcode, zone) => {
  const reply = ask(name, type);
  expect(rcodeOf(reply)).toBe(rcode);
  expect(reply.answers).toEqual([]);
  expect(reply.authorities).toMatchObject([{ type: 'SOA', name: zone }]);
});

test.each([
  ['octets that are no message', Buffer.from('nonsense')],
  ['a response', packet.encode({ type: 'response', questions: [{ name: 'a', type: 'A' }] })],
  ['a query without a question', packet.encode({ type: 'query', questions: [] })],
])('%s gets no reply', (_, message) => {
  expect(answerFromDemoZone(message)).toBeNull();
});
