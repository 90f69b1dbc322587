/**
 * `cancel [TIMEOUT]`: a query that has no answer within TIMEOUT gets SERVFAIL. The client's own
 * patience is 5 s as a rule, so an answer that comes later helps nobody but the cache.
 */
import { checkCount, goDuration, readDurationMs, unknownOption } from '../config/values.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import type { Directive } from './directive.ts';
import { type Done, failed, type Stage } from './stage.ts';

export interface CancelOptions {
  readonly timeoutMs: number;
}

const TIMEOUT_MS = { default: 5001, min: 1, max: 3_600_000 };

export const cancel: Directive<CancelOptions> = {
  name: 'cancel',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 1 });
    if (lines.length > 0) throw unknownOption('cancel', lines[0].words[0]);
    const timeoutMs = args.length === 0 ? TIMEOUT_MS.default : readDurationMs(args[0], TIMEOUT_MS);
    return Object.freeze({ timeoutMs });
  },
  stage: ({ timeoutMs }, _context, next) => new Deadline(timeoutMs, next),
};

class Deadline implements Stage {
  readonly #timeoutMs: number;
  readonly #next: Stage;

  constructor(timeoutMs: number, next: Stage) {
    this.#timeoutMs = timeoutMs;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    let timer: NodeJS.Timeout | undefined;
    let isOpen = true;
    const end: Done = (outcome) => {
      if (!isOpen) return;
      isOpen = false;
      clearTimeout(timer);
      done(outcome);
    };
    this.#next.resolve(query, end);
    // What is answered at once needs no timer.
    if (!isOpen) return;
    timer = setTimeout(() => {
      end(failed(RCODE_SERVFAIL, `no answer within ${goDuration(this.#timeoutMs)}`));
    }, this.#timeoutMs).unref();
  }
}
