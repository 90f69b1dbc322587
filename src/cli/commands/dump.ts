import type { DumpedEntry } from '../../control/protocol.ts';
import { type Command, JSON_OPTION, PID_OPTION, readPid } from '../command.ts';

/** `dump`: everything that is cached, one line each. */
export const dump: Command = {
  name: 'dump',
  summary: 'everything that is cached, one line per answer',
  parameters: '[TEXT]',
  count: { min: 0, max: 1 },
  options: [JSON_OPTION, PID_OPTION],
  help: 'Writes what the running daemon has cached, the answer used last first: name, type, response code,\nseconds left of its lifetime, size in octets. With TEXT only names that contain it.',
  examples: [
    ['dump', 'everything'],
    ['dump svc.cluster.local | sort', 'the names of the cluster'],
    ['dump --json | jq -r "select(.rcode == \\"NXDOMAIN\\").name"', 'what does not exist'],
  ],
  async run(words, modules) {
    const [text = ''] = words.parameters;
    const isWanted = ({ name }: DumpedEntry) => name.includes(text.toLowerCase());
    const toLine = words.isSet('json') ? (entry: DumpedEntry) => JSON.stringify(entry) : entryLine;
    for await (const item of modules.ask({ command: 'dump' }, readPid(words))) {
      const entry = item as DumpedEntry;
      if (isWanted(entry)) modules.write(`${toLine(entry)}\n`);
    }
    return 0;
  },
};

function entryLine(entry: DumpedEntry): string {
  const { name, type, rcode, remainingSeconds, lifetimeSeconds, octets } = entry;
  const bits = `${entry.dnssecOk ? ' DO' : ''}${entry.checkingDisabled ? ' CD' : ''}`;
  return `${name} ${type} ${rcode} ${remainingSeconds}/${lifetimeSeconds} ${octets}${bits}`;
}
