import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DnsHostLookup, systemServers } from '../../../src/forward/host-lookup.ts';
import { parseResolvConf } from '../../../src/forward/resolv-conf.ts';
import { ScriptedUpstream, type UnrulyRule } from '../../helpers/scripted-upstream.ts';

const RULES: readonly UnrulyRule[] = [
  {
    name: 'both.test.',
    type: 'A',
    reply: { answer: ['both.test. 60 IN A 10.0.0.2', 'both.test. 40 IN A 10.0.0.1'] },
  },
  { name: 'both.test.', type: 'AAAA', reply: { answer: ['both.test. 50 IN AAAA fd00::1'] } },
  {
    name: 'alias.test.',
    type: 'A',
    reply: { answer: ['alias.test. 7 IN CNAME x.test.', 'x.test. 60 IN A 10.0.0.3'] },
  },
  { name: 'alias.test.', type: 'AAAA', reply: { rcode: 'SERVFAIL' } },
  { name: 'short.test.', type: 'A', reply: { answer: ['short.test. 60 IN A 10.0.0.4'] } },
  { name: 'short.test.', type: 'AAAA', reply: {} },
  { name: 'sick.test.', reply: { rcode: 'SERVFAIL' } },
];

describe('looking up the addresses of an upstream', () => {
  let server: ScriptedUpstream;
  let lookup: DnsHostLookup;

  beforeEach(async () => {
    server = await new ScriptedUpstream(RULES).start();
    lookup = new DnsHostLookup(() => [`127.0.0.1:${server.port}`]);
  });

  afterEach(() => server.stop());

  it('finds those of both families, and the smallest TTL', async () => {
    expect(await lookup.lookUp('both.test')).toEqual({
      ipv4: ['10.0.0.2', '10.0.0.1'],
      ipv6: ['fd00::1'],
      ttlSeconds: 40,
      problem: '',
    });
  });

  it('follows an alias, whose TTL counts, and tells what it does not know from what is not', async () => {
    expect(await lookup.lookUp('alias.test')).toEqual({
      ipv4: ['10.0.0.3'],
      ipv6: null,
      ttlSeconds: 7,
      problem: 'ESERVFAIL',
    });
    expect(await lookup.lookUp('short.test')).toMatchObject({ ipv6: [], problem: '' });
  });

  it('finds nothing for a name that does not exist', async () => {
    expect(await lookup.lookUp('nowhere.test')).toEqual({
      ipv4: [],
      ipv6: [],
      ttlSeconds: 0,
      problem: '',
    });
  });

  it('asks for the name as it is, and anew each time', async () => {
    await lookup.lookUp('both.test');
    await lookup.lookUp('both.test');
    expect(server.questions.filter((question) => question === 'udp both.test A')).toHaveLength(2);
    expect(new Set(server.seen.map(({ name }) => name))).toEqual(new Set(['both.test']));
  });

  it('says why nobody could tell', async () => {
    expect(await lookup.lookUp('sick.test')).toMatchObject({
      ipv4: null,
      ipv6: null,
      problem: 'ESERVFAIL',
    });
    expect(await new DnsHostLookup(() => []).lookUp('both.test')).toMatchObject({
      ipv4: null,
      problem: 'there is no name server to ask',
    });
  });

  it('asks the next server when one is not there', async () => {
    const gone = await new ScriptedUpstream().start();
    await gone.stop();
    const servers = [`127.0.0.1:${gone.port}`, `127.0.0.1:${server.port}`];
    expect(await new DnsHostLookup(() => servers).lookUp('both.test')).toMatchObject({
      ipv6: ['fd00::1'],
      problem: '',
    });
  });
});

describe('the name servers of the system', () => {
  it('are those of /etc/resolv.conf, without those that lead back here', () => {
    const { servers } = parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
    const usable = servers.filter((address) => !/^127\.0\.0\.5[34]$/.test(address));
    if (usable.length > 0) expect(systemServers(() => false)).toEqual(usable);
    expect(systemServers(() => true)).toEqual([]);
  });
});
