import { expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { loadCorefile } from '../../../src/plugins/configuration.ts';

function load(text: string) {
  return loadCorefile({ text, path: 'Corefile', env: {} }, { defaultPort: 53 });
}

/** What a Corefile is refused for: code and message, then those of its other faults. */
function faults(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    return [error, ...error.others].map(({ code, message }) => `${code} ${message}`);
  }
  return [];
}

test('directives come in the order of the chain, whatever the order of the file', () => {
  const { blocks } = load('. {\n whoami\n log\n errors\n bind 127.0.0.1\n bufsize\n}');
  expect(blocks[0].directives.map(({ directive }) => directive.name)).toEqual([
    'bufsize',
    'bind',
    'errors',
    'log',
    'whoami',
  ]);
});

test('blocks know their zones, ports, settings and place', () => {
  const { blocks, listeners } = load(
    'a B:54 {\n bind 127.0.0.1 ::1\n bufsize 512\n timeouts {\n idle 1m\n }\n}\n10.0.0.0/15 {\n}',
  );
  expect(blocks).toMatchObject([
    {
      zones: ['a.', 'b.'],
      index: 0,
      port: 53,
      keys: [
        { zone: 'a.', port: 53 },
        { zone: 'b.', port: 54 },
      ],
      settings: {
        listenAddresses: ['127.0.0.1', '::1'],
        maxEdnsSize: 512,
        idleTimeoutMs: 60_000,
        readTimeoutMs: 3000,
        writeTimeoutMs: 5000,
        maxTcpQueries: 0,
        debug: false,
      },
    },
    { zones: ['0.10.in-addr.arpa.', '1.10.in-addr.arpa.'], index: 1 },
  ]);
  expect(listeners.map(({ server }) => server)).toEqual([
    'dns://127.0.0.1:53',
    'dns://[::1]:53',
    'dns://127.0.0.1:54',
    'dns://[::1]:54',
    'dns://:53',
  ]);
});

test('an empty Corefile says who asks, and logs it', () => {
  const { blocks } = load('# nothing\n');
  expect(blocks[0].zones).toEqual(['.']);
  expect(blocks[0].directives.map(({ directive }) => directive.name)).toEqual(['log', 'whoami']);
});

test('equal meaning gives an equal digest', () => {
  expect(load('. {\n log\n}').digest).toBe(load('.\n{\n\n log # x\n}').digest);
});

test.each([
  ['. {\n nonsense\n}', ["unknown-directive Corefile:2:2: Unknown directive 'nonsense'"]],
  [
    '. {\n errors\n errors\n}',
    ['directive-repeated Corefile:3:2: "errors" can only be used once per server block'],
  ],
  ['.:x {\n}\n', ['server-key Corefile:1:1: ".:x" is not a valid domain name']],
  [
    '. {\n}\n. {\n}',
    ['duplicate-zone Corefile:3:1: cannot serve dns://.:53 - it is already defined'],
  ],
])('%j is refused', (text, messages) => {
  expect(faults(text)).toEqual(messages);
});

test('a directive that only CoreDNS has is refused by name, with the list of ours', () => {
  expect(faults('. {\n kubernetes cluster.local\n}')[0]).toMatch(
    /^directive-unavailable Corefile:2:2: directive "kubernetes" is known to CoreDNS but not available here; available are: .*\bbind\b.*\bwhoami$/,
  );
});

test('all faults are found at once', () => {
  expect(faults('. {\n bufsize 1\n timeouts\n nonsense\n}\nb: {\n debug 1\n}').length).toBe(5);
});

test('nothing of a configuration can be changed', () => {
  const configuration = load('. {\n log\n}');
  for (const part of [configuration, configuration.blocks, configuration.blocks[0]]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
  expect(Object.isFrozen(configuration.blocks[0].directives)).toBe(true);
});
