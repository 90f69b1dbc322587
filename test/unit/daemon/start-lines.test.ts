import { expect, test } from 'vitest';
import { sayWhatIsServed } from '../../../src/daemon/start-lines.ts';
import { Log } from '../../../src/log/log.ts';
import { loadCorefile } from '../../../src/plugins/configuration.ts';

/** The lines for a Corefile, without those that say who we are. */
function linesFor(text: string, quiet = false): string[] {
  const lines: string[] = [];
  const source = { path: 'Corefile', text, env: {} };
  const configuration = loadCorefile(source, { defaultPort: 53 });
  sayWhatIsServed(new Log((line) => lines.push(line)), configuration, quiet);
  return lines.slice(0, -2);
}

test('each zone is listed with its port and address', () => {
  const text = 'cluster.local .:5353 {\nbind 127.0.0.1\nwhoami\n}\n10.0.0.0/8 {\nwhoami\n}';
  expect(linesFor(text)).toEqual([
    'cluster.local.:53 on 127.0.0.1',
    '.:5353 on 127.0.0.1',
    '10.in-addr.arpa.:53',
  ]);
  expect(linesFor(text, true)).toEqual([]);
});

test.each(['1stzone.example', '_udp.example', 'a-.example', 'example.4'])(
  'a zone that is spelled like %s is warned of',
  (zone) => {
    expect(linesFor(`${zone} {\nwhoami\n}`)).toEqual([
      `Warning: Domain "${zone}." does not follow RFC1035 preferred syntax`,
      `${zone}.:53`,
    ]);
  },
);

test.each(['a1-b.example', 'X.Example', '.', '8.b.d.0.1.0.0.2.ip6.arpa'])('%s is not', (zone) => {
  expect(linesFor(`${zone} {\nwhoami\n}`)).toHaveLength(1);
});
