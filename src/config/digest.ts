/** What a Corefile says, as a short text: equal for files that differ only in form. */
import { createHash } from 'node:crypto';
import type { OptionLine, ServerBlock, Token } from './token.ts';

/** SHA-512 in hexadecimal over keys and directives; comments and white space do not count. */
export function corefileDigest(blocks: readonly ServerBlock[]): string {
  const content = blocks.map(({ keys, directives }) => [
    texts(keys),
    directives.map(({ name, args, lines }) => [name.text, texts(args), lines.map(lineContent)]),
  ]);
  return createHash('sha512').update(JSON.stringify(content)).digest('hex');
}

function lineContent({ words, lines }: OptionLine): unknown {
  return [texts(words), lines.map(lineContent)];
}

function texts(words: readonly Token[]): string[] {
  return words.map((word) => word.text);
}
