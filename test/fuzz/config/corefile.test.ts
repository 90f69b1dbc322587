/** Whatever a Corefile holds, reading it ends with a configuration or with a CorefileError. */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { readFlags } from '../../../src/cli/flags.ts';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { corefileDigest } from '../../../src/config/digest.ts';
import type { FileSource } from '../../../src/config/file-source.ts';
import { KubeDnsConfigError, readKubeDnsConfig } from '../../../src/config/kube-dns-config.ts';
import { lex } from '../../../src/config/lexer.ts';
import { parseCorefile } from '../../../src/config/parser.ts';
import { fillTemplate } from '../../../src/config/template.ts';
import { loadCorefile } from '../../../src/plugins/configuration.ts';
import { DIRECTIVES } from '../../../src/plugins/registry.ts';
import { FUZZ_TIMEOUT_MS, runs } from '../budget.ts';

const RUNS = runs(2000);

vi.setConfig({ testTimeout: FUZZ_TIMEOUT_MS });

const ENV = { A: 'a b', B: '{', C: '"' };

/** Files that import each other. */
const FILES: FileSource = {
  match: (pattern) => (pattern.includes('*') ? ['/x/a', '/x/b'] : [pattern]),
  read: (path) => {
    if (path.endsWith('a')) return '(s) {\n import b\n}\nimport s';
    if (path.endsWith('b')) return 'log\n';
    throw new Error('ENOENT');
  },
};

/** Pieces that matter to the language, put together at random. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('{', '}', '"', '\\', '#', '\n', ' ', '\t', '\r', ',', '(s)', 'import', '*'),
      fc.constantFrom('{$A}', '{%B%}', '{$C', '.', 'a', 'b', '.:53', '10.0.0.0/9', 'fd00::/7'),
      fc.constantFrom(...DIRECTIVES.map((directive) => directive.name)),
      fc.constantFrom('1', '0s', '30s', '-1', '127.0.0.1', 'lo', ':0', 'class', 'consolidate', '('),
      fc.constantFrom('tls://a.b%c:853', 'https://a.b/x', 'a.b:0', 'resolver', 'tls', 'doh_method'),
      fc.constantFrom('__PILLAR__LOCAL__DNS__', '__PILLAR__CLUSTER__DNS__', '__X__Y__'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));
const texts = fc.oneof(
  pieces,
  pieces.map((text) => `. {\n${text}\n}`),
  fc.string({ unit: 'binary' }),
);

/** Runs `step`; anything but one of `allowed` is passed on. */
function tolerate<T>(step: () => T, allowed: abstract new (...args: never[]) => Error): T | null {
  try {
    return step();
  } catch (error) {
    if (error instanceof allowed) return null;
    throw error;
  }
}

test('words stand where they say', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const words = tolerate(() => lex(text, 'Corefile', {}), CorefileError) ?? [];
      const lines = text.replace(/^\uFEFF/, '').split('\n');
      for (const { line, column, text: word, literal } of words) {
        const rest = lines[line - 1].slice(column - 1).replaceAll('\r', '');
        expect(literal || rest.startsWith(word)).toBe(true);
      }
    }),
    RUNS,
  );
});

test('the parser ends, and only with its own error', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const source = { text, path: '/x/Corefile', env: ENV };
      const parsed = tolerate(() => parseCorefile(source, FILES), CorefileError);
      if (parsed !== null) expect(corefileDigest(parsed.blocks)).toHaveLength(128);
    }),
    RUNS,
  );
});

test('so does loading', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const source = { text, path: '/x/Corefile', env: ENV };
      tolerate(() => loadCorefile(source, { defaultPort: 53 }, FILES), CorefileError);
    }),
    RUNS,
  );
});

test('a template is filled in or refused', () => {
  const values = {
    localAddresses: ['169.254.20.10'],
    upstreamAddress: null,
    upstreamVariable: 'X_SERVICE_HOST',
    upstreamServers: [],
    prometheusAddress: ':9253',
  };
  fc.assert(
    fc.property(texts, (text) => {
      const filled = tolerate(() => fillTemplate(text, 'Corefile.base', values), CorefileError);
      if (filled !== null) expect(filled.text).not.toContain('__PILLAR__LOCAL__DNS__');
    }),
    RUNS,
  );
});

test('a kube-dns ConfigMap is read or refused', () => {
  const value = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(value, value, (stubDomains, upstreamNameservers) => {
      const files = new Map(Object.entries({ stubDomains, upstreamNameservers }));
      tolerate(() => readKubeDnsConfig(files), KubeDnsConfigError);
    }),
    RUNS,
  );
});

test('a command line is run or refused, never thrown at', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('-localip', '10.0.0.1', '-p', '53', '-syncinterval', '60ns', '-lease=0', '--'),
  );
  const program = { name: 'x', versionLines: ['x'], directiveNames: [] };
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      expect(['run', 'exit']).toContain(readFlags(argv, {}, program).kind);
    }),
    RUNS,
  );
});
