import { describe, expect, onTestFinished, test } from 'vitest';
import { PlainUpstream } from '../helpers/plain-upstream.ts';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';
import { ScriptedUpstream } from '../helpers/scripted-upstream.ts';

const corefile = (resolver: ScriptedUpstream) => `.:{PORT} {
    errors
    bind 127.0.0.1
    loop
    forward . dns.test {
        resolver 127.0.0.1:${resolver.port}
    }
    prometheus 127.0.0.1:{METRICS}
}
cluster.local:{PORT} {
    bind 127.0.0.1
    whoami
}
`;

/** A resolver for dns.test alone, for as long as the test runs. */
async function startResolver(...addresses: string[]): Promise<ScriptedUpstream> {
  const resolver = await new ScriptedUpstream(rulesFor(addresses)).start();
  onTestFinished(() => resolver.stop());
  return resolver;
}

function rulesFor(addresses: readonly string[]) {
  const answer = addresses.map((address) => `dns.test. 1 IN A ${address}`);
  return [
    { name: 'dns.test.', type: 'A', reply: { answer } },
    { name: 'dns.test.', reply: {} },
  ];
}

/** An upstream at port 53, where the name has it. Its `loop` question is none of the test's. */
async function startUpstream(options: { delayMs?: number } = {}) {
  const upstream = await PlainUpstream.start(options);
  return Object.assign(upstream, {
    names: () => upstream.seen.filter((name) => name.endsWith('.example')),
  });
}

const ask = (daemon: RunningDaemon, name: string) => daemon.ask(name, 'A');
const isAnswered = { rcode: 'NOERROR', answer: [expect.anything()] };
/** Longer than the shortest time after which a name is looked up again, on a busy machine. */
const NEXT_LOOK = { timeout: 20_000, interval: 100 };

describe.skipIf(process.getuid?.() !== 0)('an upstream with a host name', () => {
  test('is asked from the first query on, and where the name leads later, without a lost query', async () => {
    // Slow enough that queries are under way there when the name leads elsewhere.
    const [one, two] = [await startUpstream({ delayMs: 200 }), await startUpstream()];
    const resolver = await startResolver(one.address);
    const daemon = await startDaemon({ corefile: corefile(resolver) });
    expect(await ask(daemon, 'first.example')).toMatchObject(isAnswered);
    expect(one.names()).toEqual(['first.example']);
    resolver.rules = rulesFor([two.address]);
    let count = 0;
    await expect
      .poll(async () => {
        const replies = [1, 2, 3, 4, 5].map(() => ask(daemon, `n${count++}.example`));
        for (const reply of await Promise.all(replies)) {
          expect(reply, daemon.process.output).toMatchObject(isAnswered);
        }
        return two.names().length;
      }, NEXT_LOOK)
      .toBeGreaterThan(0);
    const asked = one.names().length;
    for (let i = 0; i < 20; i++)
      expect(await ask(daemon, `m${i}.example`)).toMatchObject(isAnswered);
    expect(one.names()).toHaveLength(asked);
    expect(daemon.process.output).toContain(`"dns.test" is ${two.address}\n`);
    const metrics = await daemon.scrape();
    expect(metrics).toContain(`coredns_proxy_request_duration_seconds_count{`);
    expect(metrics).toContain(`to="${two.address}:53"`);
    expect(metrics).not.toContain(`to="${one.address}:53"`);
    expect(metrics).toContain(`nodelocaldns_loop_detected{to="${two.address}:53",zone="."} 0\n`);
    expect(metrics).toContain('coredns_reload_failed_total 0\n');
  }, 40_000);

  test('that cannot be resolved at the start costs its own zone only, until it can', async () => {
    const one = await startUpstream();
    const resolver = await startResolver();
    const daemon = await startDaemon({ corefile: corefile(resolver) });
    expect(await ask(daemon, 'a.cluster.local')).toMatchObject({ rcode: 'NOERROR' });
    expect(await ask(daemon, 'a.example')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(daemon.process.output).toContain(
      '[ERROR] plugin/forward: resolving "dns.test": it has no address; trying again, without it',
    );
    expect(daemon.process.output).toContain(
      '2 a.example. A: no upstream to forward to: resolving "dns.test": it has no address',
    );
    resolver.rules = rulesFor([one.address]);
    await expect.poll(() => ask(daemon, 'b.example'), NEXT_LOOK).toMatchObject(isAnswered);
  }, 40_000);

  test('keeps its upstreams over a reload, and when its resolver is gone', async () => {
    const one = await startUpstream();
    const resolver = await startResolver(one.address);
    const daemon = await startDaemon({ corefile: corefile(resolver) });
    await resolver.stop();
    daemon.process.child.kill('SIGUSR1');
    await daemon.process.untilOutput('Reloading complete');
    expect(await ask(daemon, 'a.example')).toMatchObject(isAnswered);
    await daemon.process.untilOutput(`trying again, using ${one.address} until it is`, 30_000);
    expect(await ask(daemon, 'b.example')).toMatchObject(isAnswered);
    await resolver.start();
    await daemon.process.untilOutput('"dns.test" is resolved again', 30_000);
  }, 80_000);
});
