/** What instances of this program have told each other since the start. */
import type { Catalogue } from '../metrics/catalogue.ts';

/** `successor`: we took over from another instance. `predecessor`: another took over from us. */
export interface HandOverCounts {
  readonly successor: TakeOverCount;
  readonly predecessor: TakeOverCount;
}

export interface TakeOverCount {
  times: number;
  /** Cached answers that went from one to the other. */
  answers: number;
}

/** The counts of the process. */
export function handOverCounts(catalogue: Catalogue): HandOverCounts {
  return catalogue.lasting('hand-over', () => {
    const counts = {
      successor: { times: 0, answers: 0 },
      predecessor: { times: 0, answers: 0 },
    };
    catalogue.source('nodelocaldns_takeovers_total', (emit) => {
      for (const [role, { times }] of Object.entries(counts)) emit({ role }, times);
    });
    catalogue.source('nodelocaldns_takeover_answers_total', (emit) => {
      for (const [role, { answers }] of Object.entries(counts)) emit({ role }, answers);
    });
    return counts;
  });
}
