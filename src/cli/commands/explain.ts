import type { CachedAnswer, Explanation } from '../../control/protocol.ts';
import { askOnce, type Command, JSON_OPTION, PID_OPTION } from '../command.ts';
import { durationText } from '../text-table.ts';

/** `explain NAME [TYPE]`: how a question is answered, and why so. */
export const explain: Command = {
  name: 'explain',
  summary: 'how a name is answered, and why so',
  parameters: 'NAME [TYPE]',
  count: { min: 1, max: 2 },
  options: [
    {
      name: 'from',
      kind: 'string',
      fallback: '127.0.0.1',
      usage: 'play the client with this address, for blocks with acl',
    },
    {
      name: 'no-cache',
      kind: 'boolean',
      fallback: 'false',
      usage: 'ask the upstreams whatever is cached, and leave the cache as it is',
    },
    JSON_OPTION,
    PID_OPTION,
  ],
  help: 'Asks the running daemon a question as a pod would, and shows on the way: the block of the Corefile\nthat serves the name, what lies in its cache and for how long, what was asked instead of the name,\nwhich upstream answered over which transport and how quickly, and the answer.',
  examples: [
    ['explain kubernetes.default.svc.cluster.local', 'the A record of a name'],
    ['explain example.org AAAA', 'another type'],
    ['explain --no-cache example.org', 'what the upstreams say now, and how long they take'],
    ['explain --from 10.244.1.7 internal.example', 'as that pod would be answered'],
  ],
  async run(words, modules) {
    const [name, type = 'A'] = words.parameters;
    const skipCache = words.isSet('no-cache');
    const from = words.value('from');
    const request = { command: 'explain', name, type, from, skipCache } as const;
    const explanation = await askOnce<Explanation>(request, words, modules);
    modules.write(
      words.isSet('json') ? `${JSON.stringify(explanation, null, 2)}\n` : explained(explanation),
    );
    return 0;
  },
};

function explained(explanation: Explanation): string {
  const { name, type, listener, block, cached, steps, askedInstead, skippedCache } = explanation;
  const lines = [`${name} ${type}, asked at ${listener}`];
  lines.push(
    block === null
      ? 'Block      none serves this name'
      : `Block      ${block.zone} at ${block.place}: ${block.directives.join(', ')}`,
  );
  if (cached.length === 0) lines.push('Cache      did not have it');
  for (const entry of cached) {
    const skipped = skippedCache ? 'passed over: ' : '';
    lines.push(`Cache      ${skipped}${cachedText(entry)}`);
  }
  for (const question of askedInstead) lines.push(`Rewritten  asked instead: ${question}`);
  for (const { question, to, protocol, tookMs, rcode, error } of steps) {
    const what = error === '' ? rcode : `no answer: ${error}`;
    lines.push(`Upstream   ${to} over ${protocol}, ${durationText(tookMs)}: ${what} (${question})`);
  }
  lines.push(`Answer     ${answerText(explanation)}`);
  for (const record of explanation.records) lines.push(`  ${record}`);
  return `${lines.join('\n')}\n`;
}

function answerText({ rcode, answeredBy, error, tookMs, steps, cached }: Explanation): string {
  // What the cache fetched counts as the cache's answer; here it is not the point.
  const source = answeredBy === 'cache' && steps.length > 0 ? 'upstream' : answeredBy;
  const by = source === '' ? 'the server' : source;
  const why = error === '' ? '' : `: ${error}`;
  const shared =
    answeredBy === 'cache' && steps.length === 0 && cached.length === 0
      ? ', shared with a query that was under way'
      : '';
  return `${rcode} from ${by} in ${durationText(tookMs)}${shared}${why}`;
}

function cachedText(entry: CachedAnswer): string {
  const { rcode, ageSeconds, remainingSeconds, lifetimeSeconds } = entry;
  const bits = [entry.dnssecOk ? 'DO' : '', entry.checkingDisabled ? 'CD' : ''].filter(Boolean);
  const whose = bits.length === 0 ? '' : `, for clients that set ${bits.join(' and ')}`;
  const left =
    remainingSeconds > 0
      ? `${remainingSeconds} s of ${lifetimeSeconds} s left`
      : `expired ${-remainingSeconds} s ago`;
  return `${rcode}, ${ageSeconds} s old, ${left}${whose}`;
}
