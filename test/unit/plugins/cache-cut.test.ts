import { describe, expect, test } from 'vitest';
import { failed } from '../../../src/plugins/stage.ts';
import {
  type Asking,
  a,
  type Got,
  type Reply,
  soa,
  startCache,
} from '../../helpers/cache-fixture.ts';
import { askCluster, podLookups } from '../../helpers/cluster-names.ts';

const STOCK = 'success 9984 30\ndenial 9984 5';
const CUT = `cache {\n${STOCK}\nnxdomain_cut\n}`;
const IN_CLUSTER = { zones: ['cluster.local.'] };

/** Answers as kube-dns does. */
function kubeDns({ name, type = 'A' }: Asking): Reply {
  const { exists, address } = askCluster(name.toLowerCase(), type);
  if (address !== null) return { answers: [{ type: 'A', ttl: 5, data: address }] };
  return { rcode: exists ? 'NOERROR' : 'NXDOMAIN', authorities: [soa(5)] };
}

async function startCut(corefile = CUT) {
  const fixture = await startCache(corefile, IN_CLUSTER);
  fixture.upstream.reply = kubeDns;
  const asked = () => fixture.upstream.seen.map(({ name, qtype }) => `${name} ${qtype}`);
  return { ...fixture, asked };
}

describe('the questions of pods', () => {
  test('are answered as without the cut, with at most two fifths of the questions upstream', async () => {
    const cut = await startCut();
    const plain = await startCut(`cache {\n${STOCK}\n}`);
    let questions = 0;
    // Fifty look-ups a second, for two minutes.
    for (const lookup of podLookups(6000, 20_260_731)) {
      for (const asking of lookup) {
        questions++;
        expect(content(cut.ask(asking)), asking.name).toEqual(content(plain.ask(asking)));
      }
      cut.clock.advance(0.02);
      plain.clock.advance(0.02);
    }
    const [with_, without] = [cut.upstream.seen.length, plain.upstream.seen.length];
    console.log(`${questions} questions: ${without} upstream without the cut, ${with_} with it`);
    expect(with_).toBeLessThanOrEqual(0.4 * without);
    const { cutProbes, cutAnswers } = cut.counters;
    expect(cutProbes).toBeGreaterThan(0);
    expect(cutAnswers).toBeGreaterThan(questions / 4);
  });
});

/** Without the TTL, and without AA, which stored answers have and kube-dns' own. */
function content({ rcode, data, error }: Got) {
  return { rcode, data, error };
}

describe('a name', () => {
  test('below one that does not exist costs one question, for all types and names', async () => {
    const { ask, asked } = await startCut();
    for (const name of ['a.site.com', 'b.other.com', 'c.com']) {
      for (const type of ['A', 'AAAA', 'SRV'] as const) {
        expect(ask({ name: `${name}.team-1.svc.cluster.local`, type })).toMatchObject({ rcode: 3 });
      }
    }
    expect(asked()).toEqual([
      'svc.cluster.local. 1',
      'team-1.svc.cluster.local. 1',
      'com.team-1.svc.cluster.local. 1',
    ]);
  });

  test('that exists is asked for itself, and costs nothing more when its namespace is known', async () => {
    const { ask, asked } = await startCut();
    ask('web-0.team-1.svc.cluster.local');
    expect(ask('web-1.team-1.svc.cluster.local')).toMatchObject({ rcode: 0, data: ['10.96.1.1'] });
    expect(asked().slice(2)).toEqual([
      'web-0.team-1.svc.cluster.local. 1',
      'web-1.team-1.svc.cluster.local. 1',
    ]);
  });

  test('is denied for no longer than the name above it', async () => {
    const { ask, clock, upstream } = await startCut();
    expect(ask('a.com.team-1.svc.cluster.local')).toMatchObject({ rcode: 3, ttl: 5 });
    clock.advance(3);
    expect(ask('a.com.team-1.svc.cluster.local')).toMatchObject({ rcode: 3, ttl: 2 });
    clock.advance(2);
    upstream.reply = () => ({ answers: [a(5)] });
    expect(ask('a.com.team-1.svc.cluster.local')).toMatchObject({ rcode: 0 });
  });

  test('of another namespace has nothing to do with it', async () => {
    const { ask, asked } = await startCut();
    ask('a.com.team-1.svc.cluster.local');
    ask('a.com.team-2.svc.cluster.local');
    expect(asked()).toContain('com.team-2.svc.cluster.local. 1');
  });

  test.each<[string, Asking]>([
    ['with DO, which wants proofs', { name: 'a.com.team-1.svc.cluster.local', do: true }],
    ['with CD', { name: 'a.com.team-1.svc.cluster.local', cd: true }],
    ['without RD', { name: 'a.com.team-1.svc.cluster.local', rd: false }],
    ['of another zone', { name: 'a.com.team-1.svc.other.local' }],
    ['that is the zone itself', { name: 'cluster.local' }],
  ])('%s is asked for itself', async (_, asking) => {
    const { ask, upstream } = await startCut();
    ask(asking);
    expect(upstream.seen.map(({ name }) => name)).toEqual([`${asking.name}.`]);
  });
});

describe('a name above', () => {
  test('that is an alias of a name that does not exist does exist itself', async () => {
    const { ask, upstream } = await startCut();
    upstream.reply = ({ name }) =>
      name === 'com.team-1.svc.cluster.local'
        ? {
            rcode: 'NXDOMAIN',
            answers: [{ type: 'CNAME', data: 'gone.test' } as never],
            authorities: [soa(5)],
          }
        : name.startsWith('a.')
          ? { answers: [a(5)] }
          : kubeDns({ name });
    expect(ask('a.com.team-1.svc.cluster.local')).toMatchObject({ rcode: 0 });
  });

  test('is not looked at below a label with an underscore', async () => {
    const { ask, asked } = await startCut();
    ask({ name: '_http._tcp.web-0.team-1.svc.cluster.local', type: 'SRV' });
    ask({ name: 'x._tcp.cluster.local', type: 'SRV' });
    expect(asked().filter((question) => question.startsWith('_tcp'))).toEqual([]);
    expect(asked()).toContain('x._tcp.cluster.local. 33');
  });

  test('that nothing can be learnt of is passed, and not asked for again at once', async () => {
    const { ask, asked, upstream } = await startCut();
    upstream.reply = ({ name }) =>
      name.startsWith('a.') ? { answers: [a(5)] } : failed(2, 'i/o timeout');
    expect(ask('a.com.team-1.svc.cluster.local')).toMatchObject({ rcode: 0 });
    const before = asked().length;
    ask('a.b.team-1.svc.cluster.local');
    expect(asked().slice(before)).toEqual([
      'b.team-1.svc.cluster.local. 1',
      'a.b.team-1.svc.cluster.local. 1',
    ]);
  });

  test('is waited for half a second', async () => {
    const { send, upstream } = await startCut();
    upstream.holding = true;
    const got = send({ name: 'a.com.team-1.svc.cluster.local' });
    await expect.poll(() => upstream.seen.length, { timeout: 3000 }).toBe(2);
    expect(upstream.seen[1].name).toBe('a.com.team-1.svc.cluster.local.');
    upstream.release();
    expect(got).toMatchObject([{ rcode: 3 }]);
  });

  test('is asked for once by all who wait for it', async () => {
    const { send, asked, upstream } = await startCut();
    upstream.holding = true;
    const got = ['a', 'b', 'c'].map((label) => send({ name: `${label}.x.cluster.local` }));
    expect(asked()).toEqual(['x.cluster.local. 1']);
    upstream.release();
    expect(got.flat().map(({ rcode }) => rcode)).toEqual([3, 3, 3]);
  });
});
