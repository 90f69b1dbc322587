import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Log } from '../../../src/log/log.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { hosts } from '../../../src/plugins/hosts.ts';
import { HostsFile } from '../../../src/plugins/hosts-file.ts';
import type { Outcome } from '../../../src/plugins/stage.ts';
import { codeOf, FACTS, parseWith } from '../../helpers/directive.ts';
import { makeQuery, type QueryParts } from '../../helpers/queries.ts';
import { makeStage, messageOf, NEXT } from '../../helpers/stage.ts';

const SERVFAIL_CODE = 2;

let folder: string;
let path: string;
let toStop: { stop(): Promise<void> }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hosts-test-'));
  path = join(folder, 'hosts');
  toStop = [];
});

afterEach(async () => {
  for (const part of toStop) await part.stop();
  await rm(folder, { recursive: true });
});

/** A running stage; `text` is what stands behind `hosts FILE`. */
async function startHosts(text: string) {
  const made = makeStage(hosts, `hosts ${path} ${text}`);
  await made.generation.start();
  toStop.push(made.generation);
  return made;
}

/** One question to a stage that knows nothing but `text`. */
async function askOnce(text: string, name: string, parts: QueryParts = {}): Promise<Outcome> {
  return (await startHosts(text)).ask(makeQuery(name, parts));
}

const INLINE = '{\n 10.0.0.1 gateway.test\n fd00::1 gateway.test\n 10.0.0.2 four.test\n ttl 25\n}';

describe('answers', () => {
  test.each([
    ['Gateway.test', 'A', ['10.0.0.1']],
    ['gateway.test', 'AAAA', ['fd00::1']],
    ['gateway.test', 'MX', []],
    ['gateway.test', 'HTTPS', []],
    ['four.test', 'AAAA', []],
    ['1.0.0.10.in-addr.arpa', 'PTR', ['gateway.test']],
  ])('%s %s: %j', async (name, type, data) => {
    const outcome = await askOnce(INLINE, name, { type });
    expect(outcome.plugin).toBe('hosts');
    expect(messageOf(outcome)).toMatchObject({
      rcode: 'NOERROR',
      aa: true,
      answers: data.map((text) => ({ name, type, ttl: 25, data: text })),
      authorities: [],
    });
  });

  test('live an hour without ttl', async () => {
    const outcome = await askOnce('{\n 10.0.0.1 a.test\n}', 'a.test');
    expect(messageOf(outcome).answers).toMatchObject([{ ttl: 3600 }]);
  });

  test('a wildcard is for any one label', async () => {
    const outcome = await askOnce('{\n 10.0.0.1 *.test\n}', 'any.test');
    expect(messageOf(outcome).answers).toMatchObject([{ name: 'any.test', data: '10.0.0.1' }]);
  });

  test('without no_reverse only', async () => {
    const parts = { type: 'PTR' };
    const text = '{\n 10.0.0.1 a.test\n no_reverse\n}';
    expect(await askOnce(text, '1.0.0.10.in-addr.arpa', parts)).toBe(NEXT);
  });
});

describe('names that are not known', () => {
  test.each([
    ['{\n 10.0.0.1 a.test\n}', 'b.test', false],
    ['{\n 10.0.0.1 a.test\n fallthrough\n}', 'b.test', true],
    ['{\n 10.0.0.1 a.test\n fallthrough in.test Net.\n}', 'x.in.test', true],
    ['{\n 10.0.0.1 a.test\n fallthrough in.test Net.\n}', 'x.net', true],
    ['{\n 10.0.0.1 a.test\n fallthrough in.test\n}', 'b.test', false],
    ['in.test {\n 10.0.0.1 a.in.test\n}', 'b.test', true],
    ['in.test {\n 10.0.0.1 a.in.test\n}', 'b.in.test', false],
    ['in.test {\n 10.0.0.1 a.in.test\n 10.0.0.2 b.test\n}', 'b.test', true],
  ])('%s and %s: left to the next one: %s', async (text, name, isLeft) => {
    const outcome = await askOnce(text, name);
    if (isLeft) expect(outcome).toBe(NEXT);
    else expect(outcome).toMatchObject({ answer: null, rcode: SERVFAIL_CODE, error: '' });
  });

  test('addresses without a name are always left to the next one', async () => {
    expect(await askOnce(INLINE, '9.9.9.9.in-addr.arpa', { type: 'PTR' })).toBe(NEXT);
  });

  test('so is another class than IN', async () => {
    expect(await askOnce(INLINE, 'gateway.test', { class: 'CH' })).toBe(NEXT);
  });
});

test.each([
  ['MX', true],
  ['AAAA', false],
])(
  'fallthrough_unsupported leaves %s of a known name to the next one: %s',
  async (type, isLeft) => {
    const text = '{\n 10.0.0.1 a.test\n fallthrough\n fallthrough_unsupported\n}';
    expect((await askOnce(text, 'a.test', { type })) === NEXT).toBe(isLeft);
  },
);

describe('the file', () => {
  test('is read, lines of the Corefile come behind it', async () => {
    await writeFile(path, '10.0.0.1 a.test\n');
    const outcome = await askOnce('{\n 10.0.0.2 a.test\n}', 'a.test');
    expect(messageOf(outcome).answers).toMatchObject([{ data: '10.0.0.1' }, { data: '10.0.0.2' }]);
  });

  test('is read again when it changes, goes and comes back', async () => {
    await writeFile(path, '10.0.0.1 a.test\n');
    const { ask } = await startHosts('{\n 10.0.0.9 b.test\n reload 20ms\n}');
    const first = () => {
      const { answer } = ask(makeQuery('a.test'));
      return answer === null ? null : messageOf(ask(makeQuery('a.test'))).answers?.[0];
    };
    expect(first()).toMatchObject({ data: '10.0.0.1' });
    await writeFile(path, '10.0.0.22 a.test\n');
    await vi.waitFor(() => expect(first()).toMatchObject({ data: '10.0.0.22' }));
    await rm(path);
    await vi.waitFor(() => expect(first()).toBeNull());
    expect(messageOf(ask(makeQuery('b.test'))).answers).toHaveLength(1);
    await writeFile(path, '10.0.0.3 a.test\n');
    await vi.waitFor(() => expect(first()).toMatchObject({ data: '10.0.0.3' }));
  });

  test('may be long: it is read in pieces, and the newest one counts', async () => {
    const lines = (last: string) =>
      `${Array.from({ length: 20_000 }, (_, i) => `0.0.0.0 ads${i}.test`).join('\n')}\n${last}`;
    await writeFile(path, lines('10.0.0.1 z.test'));
    const file = new HostsFile(
      { path, inline: [], reverse: true, reloadMs: 0, concerns: () => true },
      { log: new Log(() => {}), catalogue: new Catalogue() },
    );
    const first = file.read();
    writeFileSync(path, lines('10.0.0.2 z.test'));
    await Promise.all([first, file.read()]);
    const addressesOf = (name: string) => file.table.addressesOf(name)?.map((a) => a.join('.'));
    expect(addressesOf('z.test.')).toEqual(['10.0.0.2']);
    expect(addressesOf('ads12345.test.')).toEqual(['0.0.0.0']);
  });

  test('may be missing, which is said', async () => {
    const { lines } = await startHosts('');
    expect(lines).toEqual([`[WARNING] plugin/hosts: File does not exist: ${path}`]);
  });

  test('may be a folder, which is said', async () => {
    path = folder;
    const { lines } = await startHosts('');
    expect(lines).toEqual([`[WARNING] plugin/hosts: Hosts file "${path}" is a directory`]);
  });

  test('that is too long is not read', async () => {
    await writeFile(path, `10.0.0.1 a.test\n${'#'.repeat(16 * 1024 * 1024)}`);
    const { lines, ask } = await startHosts('');
    expect(lines).toMatchObject([expect.stringContaining('at most 16777216')]);
    expect(ask(makeQuery('a.test')).rcode).toBe(SERVFAIL_CODE);
  });

  test('counts its entries and tells its age', async () => {
    await writeFile(path, '10.0.0.1 a.test b.test\n');
    await utimes(path, 1000, 1_500_000_000.5);
    const { metric } = await startHosts('{\n 10.0.0.2 c.test\n}');
    expect(await metric('coredns_hosts')).toEqual([
      `coredns_hosts_entries{hostsfile="${path}"} 6`,
      'coredns_hosts_reload_timestamp_seconds 1.5000000005e+09',
    ]);
  });

  test('is /etc/hosts by default', () => {
    expect(parseWith(hosts, 'hosts')).toMatchObject({
      path: '/etc/hosts',
      zones: FACTS.zones,
      ttlSeconds: 3600,
      reloadMs: 5000,
      reverse: true,
      fallthrough: [],
    });
  });
});

test('a line that is neither option nor entry is warned of', async () => {
  const { lines } = await startHosts('{\n reloads 5s\n 10.0.0.1 a.test\n}');
  expect(lines[0]).toBe(
    '[WARNING] plugin/hosts: "reloads 5s" is neither an option nor an address with names',
  );
  expect(lines).toHaveLength(2);
});

test('networks stand for their reverse zones', () => {
  expect(parseWith(hosts, 'hosts f 10.0.0.0/15 Test').zones).toEqual([
    '0.10.in-addr.arpa.',
    '1.10.in-addr.arpa.',
    'test.',
  ]);
});

test.each([
  ['hosts', null],
  ['hosts {\n ttl 1\n}', null],
  ['hosts {\n ttl 65535\n}', null],
  ['hosts {\n ttl 0\n}', 'argument-value'],
  ['hosts {\n ttl 65536\n}', 'argument-value'],
  ['hosts {\n ttl -1\n}', 'argument-value'],
  ['hosts {\n ttl abc\n}', 'argument-value'],
  ['hosts {\n ttl\n}', 'argument-count'],
  ['hosts {\n ttl 1 2\n}', 'argument-count'],
  ['hosts {\n reload 0\n}', null],
  ['hosts {\n reload -1s\n}', 'argument-value'],
  ['hosts {\n reload 5\n}', 'argument-value'],
  ['hosts {\n reload\n}', 'argument-count'],
  ['hosts {\n no_reverse 1\n}', 'argument-count'],
  ['hosts {\n fallthrough\n no_reverse\n}', null],
  ['hosts {\n fallthrough\n 10.0.0.1 a.test\n}', 'unknown-option'],
  ['hosts {\n fallthrough\n x\n}', 'unknown-option'],
  ['hosts {\n fallthrough_unsupported\n}', 'argument-value'],
  ['hosts {\n fallthrough a..b\n}', 'server-key'],
  ['hosts f a..b', 'server-key'],
])('%s: %s', (text, code) => {
  expect(codeOf(hosts, text)).toBe(code);
});
