import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expose } from '../../../src/metrics/exposition.ts';
import { forward } from '../../../src/plugins/forward.ts';
import { loop } from '../../../src/plugins/loop.ts';
import { failed, type Outcome, type Stage } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { addressRule, ScriptedUpstream } from '../../helpers/scripted-upstream.ts';

const end: Stage = { resolve: (_query, done) => done(failed(2, 'end of the chain')) };

const resolve = (stage: Stage, name: string, type = 'A') =>
  new Promise<Outcome>((done) => stage.resolve(makeQuery(name, { type }), done));

describe('loop syntax', () => {
  it('takes no arguments and no lines', () => {
    expect(codeOf(loop, 'loop')).toBeNull();
    expect(codeOf(loop, 'loop 1')).toBe('argument-count');
    expect(codeOf(loop, 'loop {\nfatal\n}')).toBe('unknown-option');
  });
});

describe('loop', () => {
  let looping: ScriptedUpstream;
  let sound: ScriptedUpstream;
  let made: ReturnType<typeof makeContext>;
  let stage: Stage;

  beforeEach(async () => {
    looping = await new ScriptedUpstream([
      { name: '*', type: 'HINFO', drop: true },
      addressRule('a.test.', '192.0.2.1'),
    ]).start();
    sound = await new ScriptedUpstream([addressRule('a.test.', '192.0.2.2')]).start();
    made = makeContext();
    const text = `forward . 127.0.0.1:${looping.port} 127.0.0.1:${sound.port}`;
    const forwards = forward.stage?.(parseWith(forward, text), made.context, end) ?? end;
    stage = loop.stage?.(null, made.context, forwards) ?? end;
    await made.generation.start();
  });

  afterEach(async () => {
    await made.generation.stop();
    await Promise.all([looping.stop(), sound.stop()]);
  });

  const probeOf = async (server: ScriptedUpstream) => {
    await vi.waitFor(() => expect(server.seen.length).toBeGreaterThan(0), { timeout: 3000 });
    return server.seen[0];
  };

  it('asks each upstream for a name that cannot be guessed', async () => {
    const [first, second] = [await probeOf(looping), await probeOf(sound)];
    expect(first.type).toBe('HINFO');
    expect(first.name).toMatch(/^[0-9a-f]{16}\.[0-9a-f]{16}$/);
    expect(second.name).not.toBe(first.name);
  });

  it('cuts the circle and leaves out the upstream that closes it', async () => {
    const { name } = await probeOf(looping);
    expect(await resolve(stage, `${name}.`, 'HINFO')).toMatchObject({ answer: null, rcode: 5 });
    await resolve(stage, `${name}.`, 'HINFO');
    const before = looping.seen.length;
    for (let i = 0; i < 8; i++) {
      expect((await resolve(stage, 'a.test.')).answer?.answerCount).toBe(1);
    }
    expect(looping.seen.length).toBe(before);
    const logged = made.lines.filter((line) => line.includes('detected'));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(
      '[ERROR] plugin/loop: Loop (192.0.2.7:40000 -> 169.254.20.10:53) detected for zone ".", see ' +
        `https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${name}."`,
    );
    expect(await expose(made.context.catalogue)).toContain(
      `nodelocaldns_loop_detected{to="127.0.0.1:${looping.port}",zone="."} 1\n`,
    );
  });

  it('fails at once when every upstream leads back', async () => {
    await resolve(stage, `${(await probeOf(looping)).name}.`, 'HINFO');
    await resolve(stage, `${(await probeOf(sound)).name}.`, 'HINFO');
    expect(await resolve(stage, 'a.test.')).toMatchObject({
      rcode: 2,
      error: 'every upstream leads back to this server',
    });
  });

  it('forwards other HINFO questions and the name with another type', async () => {
    const { name } = await probeOf(sound);
    expect((await resolve(stage, 'b.test.', 'HINFO')).error).not.toContain('leads back');
    expect((await resolve(stage, `${name}.`)).plugin).toBe('forward');
    expect(made.lines.join()).not.toContain('detected');
  });

  it('asks no more after it has ended', async () => {
    await made.generation.stop();
    expect(looping.seen).toEqual([]);
  });

  it('is not in the way where nothing is forwarded', () => {
    expect(loop.stage?.(null, made.context, end)).toBe(end);
  });
});
