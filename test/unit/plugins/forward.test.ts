import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Generation } from '../../../src/daemon/generation.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import type { BlockContext } from '../../../src/plugins/directive.ts';
import type { FairStage } from '../../../src/plugins/fair-stage.ts';
import { forward } from '../../../src/plugins/forward.ts';
import type { ForwardStage } from '../../../src/plugins/forward-stage.ts';
import type { Outcome, Stage } from '../../../src/plugins/stage.ts';
import { failed } from '../../../src/plugins/stage.ts';
import { makeContext, parseWith } from '../../helpers/directive.ts';
import { makeQuery, type QueryParts } from '../../helpers/queries.ts';
import { addressRule, ScriptedUpstream } from '../../helpers/scripted-upstream.ts';

let one: ScriptedUpstream;
let two: ScriptedUpstream;
let made: ReturnType<typeof makeContext>;

/** What comes behind the last `forward`. */
const end: Stage = { resolve: (_query, done) => done(failed(2, 'end of the chain')) };

beforeEach(async () => {
  one = await new ScriptedUpstream([addressRule('a.test.', '192.0.2.1')]).start();
  two = await new ScriptedUpstream([addressRule('a.test.', '192.0.2.2')]).start();
  made = makeContext();
});

afterEach(async () => {
  await made.generation.stop();
  await Promise.all([one.stop(), two.stop()]);
});

/** The chain of a block; ONE and TWO stand for the upstreams. */
function stageOf(text: string, context: BlockContext = made.context): Stage {
  const filled = text
    .replaceAll('ONE', `127.0.0.1:${one.port}`)
    .replaceAll('TWO', `127.0.0.1:${two.port}`);
  const stage = forward.stage?.(parseWith(forward, filled), context, end);
  if (stage === undefined) throw new Error('no stage');
  return stage;
}

const resolve = (stage: Stage, name: string, parts: QueryParts = {}) =>
  new Promise<Outcome>((done) => stage.resolve(makeQuery(name, parts), done));

describe('forward', () => {
  it('answers from the upstream', async () => {
    const outcome = await resolve(stageOf('forward . ONE'), 'a.test.');
    expect(outcome).toMatchObject({ rcode: 0, plugin: 'forward', error: '' });
    expect(outcome.answer?.answerCount).toBe(1);
  });

  it('leaves names outside FROM and within except to what comes next', async () => {
    const stage = stageOf('forward test. ONE {\nexcept private.test test\n}');
    expect((await resolve(stage, 'A.test.')).rcode).toBe(0);
    for (const name of ['a.other.', 'atest.', 'b.private.test.', 'private.test.']) {
      expect((await resolve(stage, name)).error).toBe('end of the chain');
    }
    expect((await resolve(stage, 'xprivate.test.')).plugin).toBe('forward');
  });

  it('asks the first forward whose FROM matches', async () => {
    const stage = stageOf('forward one.test ONE\nforward . TWO');
    await resolve(stage, 'x.one.test.');
    await resolve(stage, 'x.two.test.');
    expect([one.questions, two.questions]).toEqual([['udp x.one.test A'], ['udp x.two.test A']]);
  });

  it('hands on the rcodes of next to the next forward', async () => {
    one.rules = [{ name: '*', reply: { rcode: 'NXDOMAIN' } }];
    const stage = stageOf('forward . ONE {\nnext NXDOMAIN\n}\nforward . TWO');
    expect((await resolve(stage, 'a.test.')).answer?.answerCount).toBe(1);
    one.rules = [{ name: '*', reply: { rcode: 'REFUSED' } }];
    expect((await resolve(stage, 'a.test.')).rcode).toBe(5);
  });

  it('hands on answers without records with next_on_nodata', async () => {
    one.rules = [{ name: '*', reply: { answer: [] } }];
    const stage = stageOf('forward . ONE {\nnext_on_nodata\n}\nforward . TWO');
    expect((await resolve(stage, 'a.test.')).answer?.answerCount).toBe(1);
  });

  it('ignores next where no other forward follows', async () => {
    one.rules = [{ name: '*', reply: { rcode: 'NXDOMAIN' } }];
    const stage = stageOf('forward . ONE {\nnext NXDOMAIN\n}');
    expect(await resolve(stage, 'a.test.')).toMatchObject({ rcode: 3, plugin: 'forward' });
  });

  it('shows the metrics of the original, by their old names too', async () => {
    const stage = stageOf('forward . ONE {\nforce_tcp\n}');
    await resolve(stage, 'a.test.');
    await resolve(stage, 'b.test.');
    const text = await expose(made.context.catalogue);
    const to = `to="127.0.0.1:${one.port}"`;
    for (const line of [
      `coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NOERROR",${to}} 1`,
      `coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NXDOMAIN",${to}} 1`,
      `coredns_proxy_conn_cache_hits_total{proto="tcp",proxy_name="forward",${to}} 1`,
      `coredns_proxy_conn_cache_misses_total{proto="tcp",proxy_name="forward",${to}} 1`,
      'coredns_forward_healthcheck_broken_total 0',
      'coredns_forward_max_concurrent_rejects_total 0',
      `coredns_forward_requests_total{${to}} 2`,
      `coredns_forward_responses_total{rcode="NOERROR",${to}} 1`,
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('keeps connections to unchanged upstreams across a reload', async () => {
    const text = 'forward . ONE {\nforce_tcp\n}';
    await resolve(stageOf(text), 'a.test.');
    const parts = new Generation(made.generation);
    const after = stageOf(text, { ...made.context, parts });
    await parts.start();
    await parts.retirePrevious();
    await resolve(after, 'a.test.');
    expect(one.accepted).toBe(1);
    const changed = new Generation(parts);
    const other = stageOf(text.replace('force_tcp', 'force_tcp\nmax_age 1m\nexpire 1s'), {
      ...made.context,
      parts: changed,
    });
    await changed.retirePrevious();
    await resolve(other, 'a.test.');
    expect(one.accepted).toBe(2);
    await changed.stop();
  });

  it('serves nothing rather than itself from a resolv.conf, and says so', async () => {
    const { context, lines } = makeContext({
      daemon: { ...made.context.daemon, isOwnAddress: () => true },
    });
    const stage = stageOf('forward . /etc/resolv.conf', context);
    expect(await resolve(stage, 'a.test.')).toMatchObject({ answer: null, rcode: 2 });
    expect(lines.join()).toContain('[WARNING] plugin/forward: /etc/resolv.conf: ');
    expect(lines.join()).toContain('would lead back to this server');
  });

  describe('to a host name', () => {
    let resolver: ScriptedUpstream;
    const text = () => `forward . dns.test:${one.port} {
      resolver 127.0.0.1:${resolver.port}
      force_tcp
    }`;

    beforeEach(async () => {
      resolver = await new ScriptedUpstream([
        { name: 'dns.test.', type: 'AAAA', reply: {} },
        addressRule('dns.test.', '127.0.0.1'),
      ]).start();
    });

    afterEach(() => resolver.stop());

    it('asks its addresses, which are the labels of its metrics while they last', async () => {
      const stage = stageOf(text());
      await made.generation.start();
      expect((await resolve(stage, 'a.test.')).answer?.answerCount).toBe(1);
      const sample = `coredns_forward_requests_total{to="127.0.0.1:${one.port}"} 1\n`;
      expect(await expose(made.context.catalogue)).toContain(sample);
      await made.generation.stop();
      expect(await expose(made.context.catalogue)).not.toContain('127.0.0.1');
    });

    it('keeps its connections across a reload', async () => {
      const before = stageOf(text());
      await made.generation.start();
      await resolve(before, 'a.test.');
      const parts = new Generation(made.generation);
      const after = stageOf(text(), { ...made.context, parts });
      await parts.start();
      await parts.retirePrevious();
      await resolve(after, 'a.test.');
      expect(one.accepted).toBe(1);
      expect(resolver.questions.filter((question) => question.endsWith(' A'))).toHaveLength(1);
      await parts.stop();
    });

    it('uses an address that is named twice once', async () => {
      const stage = stageOf(text().replace('. dns', '. ONE dns'));
      await made.generation.start();
      const { forwarder } = (stage as FairStage).next as ForwardStage;
      expect(forwarder.upstreams.map(({ to }) => to)).toEqual([`127.0.0.1:${one.port}`]);
    });

    it('checks the name in the certificate of a tls:// upstream', async () => {
      const tls = text().replace('. dns', '. tls://dns').replace('force_tcp', 'max_fails 0');
      const stage = stageOf(tls);
      await made.generation.start();
      const outcome = await resolve(stage, 'a.test.');
      expect(outcome).toMatchObject({ answer: null, rcode: 2 });
      expect(outcome.error).toContain(`tcp-tls 127.0.0.1:${one.port}`);
    });

    it('fails with the reason while the name cannot be resolved', async () => {
      resolver.rules = [{ name: '*', reply: { rcode: 'SERVFAIL' } }];
      const stage = stageOf(text());
      await made.generation.start();
      expect(await resolve(stage, 'a.test.')).toMatchObject({
        rcode: 2,
        error: 'no upstream to forward to: resolving "dns.test": ESERVFAIL',
      });
    });
  });
});
