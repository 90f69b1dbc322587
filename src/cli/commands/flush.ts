import type { Flushed } from '../../control/protocol.ts';
import { askOnce, type Command, JSON_OPTION, PID_OPTION } from '../command.ts';

/** `flush [NAME|ZONE]`: makes the daemon forget what it has cached. */
export const flush: Command = {
  name: 'flush',
  summary: 'forget what is cached',
  parameters: '[NAME|ZONE]',
  count: { min: 0, max: 1 },
  options: [JSON_OPTION, PID_OPTION],
  help: 'Makes the running daemon forget a name and everything below it; without a name, everything.\nThe next question goes to the upstream. Nothing else changes: connections and counters stay.',
  examples: [
    ['flush example.org', 'example.org and all names below it'],
    ['flush', 'everything'],
  ],
  async run(words, modules) {
    const [zone = '.'] = words.parameters;
    const flushed = await askOnce<Flushed>({ command: 'flush', zone }, words, modules);
    const text = `Forgot ${flushed.entries} ${flushed.entries === 1 ? 'answer' : 'answers'}`;
    modules.write(`${words.isSet('json') ? JSON.stringify(flushed) : text}\n`);
    return 0;
  },
};
