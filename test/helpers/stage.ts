/** One stage on its own: what it answers, and what it leaves to the next one. */
import packet from 'dns-packet';
import { type Answer, readAnswer } from '../../src/dns/answer.ts';
import type { Query } from '../../src/dns/query.ts';
import { expose } from '../../src/metrics/exposition.ts';
import type { BlockContext, Directive } from '../../src/plugins/directive.ts';
import { answered, failed, type Outcome, type Stage } from '../../src/plugins/stage.ts';
import { makeContext, parseWith } from './directive.ts';

/** What the stage behind the one that is tried gives. */
export const NEXT: Outcome = failed(5, 'from the next stage');

/** The stage that `text` makes. */
export function makeStage<Options>(
  directive: Directive<Options>,
  text: string,
  {
    next = () => NEXT,
    ...overrides
  }: Partial<BlockContext> & { next?: (query: Query) => Outcome } = {},
) {
  let declined = false;
  const seen: Query[] = [];
  const nextStage: Stage = {
    resolve: (query, done) => {
      seen.push(query);
      done(next(query));
    },
  };
  const { context, generation, lines } = makeContext({
    declineHitPath: () => {
      declined = true;
    },
    ...overrides,
  });
  const stage = directive.stage?.(parseWith(directive, text), context, nextStage) ?? nextStage;
  return {
    stage,
    /** The queries that the next stage was asked. */
    seen,
    lines,
    generation,
    get declined() {
      return declined;
    },
    /** The outcome of a query that is answered at once. */
    ask(query: Query): Outcome {
      const outcomes: Outcome[] = [];
      stage.resolve(query, (outcome) => outcomes.push(outcome));
      if (outcomes.length !== 1) throw new Error(`${outcomes.length} outcomes`);
      return outcomes[0];
    },
    /** The lines of a metric. */
    async metric(name: string): Promise<string[]> {
      const text = await expose(context.catalogue);
      return text.split('\n').filter((line) => line.startsWith(name));
    },
  };
}

/** The message of an outcome, as text: `NOERROR aa | www.test. 60 IN A 192.0.2.1 | authority | additional`. */
export function messageOf({ answer }: Outcome) {
  if (answer === null) throw new Error('no message');
  const { rcode, flag_aa, flag_ra, flag_tc, answers, authorities, additionals } = packet.decode(
    answer.wire,
  ) as packet.DecodedPacket & { rcode: string };
  return { rcode, aa: flag_aa, ra: flag_ra, tc: flag_tc, answers, authorities, additionals };
}

/** An answer with these sections. */
export function answerWith(parts: Partial<packet.Packet>): Answer {
  const wire = packet.encode({
    type: 'response',
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: 'www.test', type: 'A' }],
    ...parts,
  });
  const answer = readAnswer(wire);
  if (answer === null) throw new Error('not an answer');
  return answer;
}

/** An outcome as `forward` gives it. */
export function forwarded(parts: Partial<packet.Packet>): Outcome {
  return answered(answerWith(parts), 'forward');
}
