/** The end of the road for a query that went down the chain: its reply, written and counted. */
import { MAX_MESSAGE_LENGTH, MIN_UDP_PAYLOAD } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { DOES_NOT_FIT, writeRcode, writeReply } from '../dns/reply.ts';
import { truncateReply } from '../dns/truncate.ts';
import type { ZoneCounters } from '../metrics/zone-counters.ts';
import { DROPPED, type Outcome } from '../plugins/stage.ts';

/** Where the options start in an OPT record. */
const OPT_OPTIONS = 11;

const NOTHING = Buffer.alloc(0);

/** Replies are written here, one after the other; clients copy what they send. */
const scratch = Buffer.allocUnsafeSlow(MAX_MESSAGE_LENGTH);

/** Sends the reply to `query` and counts it; a dropped one has none. */
export function finishReply(query: Query, outcome: Outcome, counters: ZoneCounters): void {
  if (outcome === DROPPED) {
    query.client.send(NOTHING);
    return;
  }
  const { answer } = outcome;
  const proto = query.client.transport === 'udp' ? 0 : 1;
  const size = answer === null ? 0 : answer.uncompressedLength;
  counters.countResponse(proto, outcome.rcode, outcome.plugin, size);
  counters.countMissDuration((performance.now() - query.receivedAtMs) / 1000);
  query.client.send(replyTo(query, outcome));
}

/** The whole reply. Valid until the next call. */
function replyTo(query: Query, outcome: Outcome): Buffer {
  const { answer } = outcome;
  query.wire.copy(scratch, 0, 0, query.questionEnd);
  if (answer === null) return scratch.subarray(0, writeRcode(query, scratch, 0, outcome.rcode));
  const limit =
    query.client.transport === 'udp'
      ? Math.max(query.ednsSize, MIN_UDP_PAYLOAD)
      : MAX_MESSAGE_LENGTH;
  const options = answer.opt === null ? query.echo : answer.opt.subarray(OPT_OPTIONS);
  const length = options === null ? 0 : options.length;
  const written = writeReply(answer, query, scratch, 0, limit, outcome.aaFlag, options, length);
  if (written !== DOES_NOT_FIT) return scratch.subarray(0, written);
  return truncateReply(answer, query, scratch, 0, limit, outcome.aaFlag, options, length);
}
