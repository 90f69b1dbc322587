import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { parseCorefile } from '../../../src/config/parser.ts';
import type { OptionLine } from '../../../src/config/token.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder with these files; returns its path. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'corefile-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const lineText = ({ words, lines }: OptionLine): unknown => [
  words.map((word) => word.text).join(' '),
  ...lines.map(lineText),
];

/** Blocks as plain lists: keys, then directives with their options. */
function shape(text: string, path = 'Corefile') {
  return parseCorefile({ text, path, env: { V: 'value' } }).blocks.map(({ keys, directives }) => [
    keys.map((key) => key.text).join(' '),
    ...directives.map(({ name, args, lines }) => [
      [name.text, ...args.map((word) => word.text)].join(' '),
      ...lines.map(lineText),
    ]),
  ]);
}

function fault(text: string, path = 'Corefile'): string {
  try {
    parseCorefile({ text, path, env: {} });
  } catch (error) {
    if (error instanceof CorefileError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('blocks', () => {
  test('the stock layout is read', () => {
    const text = `cluster.local:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    forward . 10.0.0.1 {
            force_tcp
    }
    }
in-addr.arpa:53 {
    errors
    }
`;
    expect(shape(text)).toEqual([
      [
        'cluster.local:53',
        ['errors'],
        ['cache', ['success 9984 30'], ['denial 9984 5']],
        ['forward . 10.0.0.1', ['force_tcp']],
      ],
      ['in-addr.arpa:53', ['errors']],
    ]);
  });

  test.each([
    ['the brace on the next line', '.\n{\n log\n}', [['.', ['log']]]],
    ['several keys', 'a b {\n log\n}', [['a b', ['log']]]],
    ['keys continued by commas', 'a, b,\nc {\n log\n}', [['a b c', ['log']]]],
    ['a comma on its own', 'a , b {\n log\n}', [['a b', ['log']]]],
    ['a single block without braces', 'a b\nlog\ncache 30', [['a b', ['log'], ['cache 30']]]],
    ['nothing but keys', 'a b', [['a b']]],
    ['an empty block', '. {\n}', [['.']]],
    ['an empty file', ' # nothing\n', []],
    ['a directive on the line of the brace', '. { log\n}', [['.', ['log']]]],
    ['empty braces', '. {\n forward . x { }\n}', [['.', ['forward . x']]]],
    ['options on one line', '. {\n a { b c }\n}', [['.', ['a', ['b c']]]]],
    ['the brace of options on the next line', '. {\n a\n {\n b\n }\n}', [['.', ['a', ['b']]]]],
    [
      'options of options',
      '. {\n a {\n b {\n c d\n }\n e\n }\n}',
      [['.', ['a', ['b', ['c d']], ['e']]]],
    ],
    ['a quoted brace', '. {\n a "{" "}"\n}', [['.', ['a { }']]]],
    ['an environment variable', '{$V} {\n {$V} a{$V}\n}', [['value', ['value avalue']]]],
    ['a directive used twice', '. {\n log a\n log b\n}', [['.', ['log a'], ['log b']]]],
    ['two blocks on one line', 'a {\n} b {\n}', [['a'], ['b']]],
  ])('%s', (_name, text, blocks) => {
    expect(shape(text)).toEqual(blocks);
  });

  test('braces without options are told from no braces', () => {
    const [{ directives }] = parseCorefile({
      text: '. {\n a {\n }\n b\n}',
      path: 'Corefile',
      env: {},
    }).blocks;
    expect(directives.map((use) => use.hasBraces)).toEqual([true, false]);
  });

  test.each([
    ['. { errors }', 'syntax Corefile:1:12: unexpected "}"'],
    ['. {\n log', 'syntax Corefile:1:3: "{" is not closed by "}"'],
    ['. {\n a {\n b\n', 'syntax Corefile:2:4: "{" is not closed by "}"'],
    ['. {\n}\n}', 'syntax Corefile:3:1: unexpected "}"'],
    ['a, {\n}', 'syntax Corefile:1:1: "a,": no key behind the comma'],
    ['a,', 'syntax Corefile:1:1: "a,": no key behind the comma'],
    ['{\n}', 'syntax Corefile:1:1: unexpected "{"'],
    ['}', 'syntax Corefile:1:1: unexpected "}"'],
    ['. {\n {\n }\n}', 'syntax Corefile:2:2: unexpected "{"'],
    ['. {\n a {\n {\n }\n }\n}', 'syntax Corefile:3:2: unexpected "{"'],
    ['. {\n a {\n } b\n}', 'syntax Corefile:3:4: unexpected "b"'],
    ['a\nlog\n}', 'syntax Corefile:3:1: unexpected "}"'],
    ['""', 'syntax Corefile:1:1: unexpected ""'],
  ])('%j is refused', (text, message) => {
    expect(fault(text)).toBe(message);
  });

  test('braces within each other have a limit', () => {
    const text = `. {\n${'a {\n'.repeat(200)}${'}\n'.repeat(200)}}`;
    expect(fault(text)).toMatch(/^syntax .*: more than 100 braces within each other$/);
  });
});

describe('import', () => {
  test('a snippet is put in wherever a line may start', () => {
    const text = `(common) { errors
    log
}
(options) {
  success 100
}
a {
  import common
  cache {
    import options
    denial 5
  }
}
b { import common
}`;
    expect(shape(text)).toEqual([
      ['a', ['errors'], ['log'], ['cache', ['success 100'], ['denial 5']]],
      ['b', ['errors'], ['log']],
    ]);
  });

  test('a snippet may import another', () => {
    expect(shape('(x) {\n log\n}\n(y) {\n import x\n errors\n}\n. {\n import y\n}')).toEqual([
      ['.', ['log'], ['errors']],
    ]);
  });

  test('files are found from the folder of the file that names them', () => {
    const folder = folderWith({
      Corefile: 'import conf/blocks\n. {\n import conf/*.conf\n}',
      'conf/blocks': 'a {\n import b.conf\n}',
      'conf/b.conf': 'errors',
      'conf/a.conf': 'log\n',
      'conf/..data/c.conf': 'unused',
      'conf/.hidden.conf': 'unused',
    });
    const path = join(folder, 'Corefile');
    expect(shape('import conf/blocks\n. {\n import conf/*.conf\n}', path)).toEqual([
      ['a', ['errors']],
      ['.', ['log'], ['errors']],
    ]);
  });

  test('a word knows which file it is from', () => {
    const folder = folderWith({ 'log.conf': '\nlog' });
    const { blocks } = parseCorefile({
      text: '. {\n import log.conf\n}',
      path: join(folder, 'Corefile'),
      env: {},
    });
    expect(blocks[0].directives[0].name).toEqual({
      text: 'log',
      file: join(folder, 'log.conf'),
      line: 2,
      column: 1,
    });
  });

  test('a pattern may have its star in a folder', () => {
    const folder = folderWith({ 'zones/b/Corefile': 'b {\n}', 'zones/a/Corefile': 'a {\n}' });
    expect(shape('import zones/*/Corefile', join(folder, 'Corefile'))).toEqual([['a'], ['b']]);
  });

  test('a pattern that matches nothing is only a warning', () => {
    const { blocks, warnings } = parseCorefile({
      text: 'import none/*.conf\n. {\n}',
      path: join(folderWith({}), 'Corefile'),
      env: {},
    });
    expect(blocks).toHaveLength(1);
    expect(warnings).toEqual(['No files matching import pattern: none/*.conf']);
  });

  test.each([
    ['import', 'import Corefile:1:1: import takes the name of a snippet or a file'],
    ['import\na', 'import Corefile:1:1: import takes the name of a snippet or a file'],
    ['import a b', 'import Corefile:1:10: import takes one argument, not also "b"'],
    ['import /none', 'import Corefile:1:8: File to import not found: "/none"'],
    ['import */*.x', 'import Corefile:1:8: "*/*.x" may hold one "*" and no other wildcard'],
    ['import a?', 'import Corefile:1:8: "a?" may hold one "*" and no other wildcard'],
    ['(a) {\n}\n(a) {\n}', 'import Corefile:3:1: snippet "a" is defined twice'],
    ['(a)\nlog', 'syntax Corefile:1:1: snippet "a" has no "{" behind its name'],
    ['(a) {\n log', 'syntax Corefile:1:1: snippet "a" is not closed by "}"'],
    ['(a) {\n import a\n}\n. {\n import a\n}', 'import Corefile:2:9: "a" imports itself'],
  ])('%j is refused', (text, message) => {
    expect(fault(text)).toBe(message);
  });

  test('files that import each other are refused', () => {
    const folder = folderWith({ a: 'import b', b: 'import a' });
    expect(fault('import a', join(folder, 'Corefile'))).toMatch(/^import .*: "a" imports itself$/);
  });

  test('a file that imports itself is refused', () => {
    const folder = folderWith({ Corefile: 'import Corefile' });
    expect(fault('import Corefile', join(folder, 'Corefile'))).toMatch(/"Corefile" imports itself/);
  });

  test('a folder cannot be imported', () => {
    const folder = folderWith({ 'a/b': '' });
    expect(fault('import a', join(folder, 'Corefile'))).toMatch(/^import .*reading ".*EISDIR/);
  });

  test('snippets that double each other come to an end', () => {
    const snippets = Array.from(
      { length: 40 },
      (_, i) => `(s${i + 1}) {\n import s${i}\n import s${i}\n}\n`,
    );
    const text = `(s0) {\n log\n}\n${snippets.join('')}. {\n import s40\n}`;
    expect(fault(text)).toMatch(/^import .*more than 10000 snippets put in$/);
  });
});
