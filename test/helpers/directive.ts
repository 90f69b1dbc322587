/** What a directive needs to be tried on its own: its words as parsed, and a block around it. */
import { CorefileError } from '../../src/config/corefile-error.ts';
import { parseCorefile } from '../../src/config/parser.ts';
import type { DirectiveUse } from '../../src/config/token.ts';
import { Generation } from '../../src/daemon/generation.ts';
import { RCODE_REFUSED } from '../../src/dns/header.ts';
import { monotonicClock } from '../../src/log/clock.ts';
import { Log } from '../../src/log/log.ts';
import { Catalogue } from '../../src/metrics/catalogue.ts';
import type { BlockContext, BlockFacts, Directive } from '../../src/plugins/directive.ts';
import { failed } from '../../src/plugins/stage.ts';

export const FACTS: BlockFacts = { zones: ['.'], index: 0, port: 53 };

/** The uses of directives in a block that holds `text`. */
export function usesIn(text: string): readonly DirectiveUse[] {
  const source = { path: 'Corefile', text: `. {\n${text}\n}\n`, env: {} };
  return parseCorefile(source).blocks[0].directives;
}

/** What `directive` makes of `text`. */
export function parseWith<Options>(directive: Directive<Options>, text: string): Options {
  return directive.parse(usesIn(text), FACTS);
}

/** The code of the CorefileError that `directive` throws on `text`; null when it takes it. */
export function codeOf(directive: Directive<unknown>, text: string): string | null {
  try {
    parseWith(directive, text);
    return null;
  } catch (error) {
    if (error instanceof CorefileError) return error.code;
    throw error;
  }
}

/** A block at 169.254.20.10, whose parts are `generation`'s. */
export function makeContext(overrides: Partial<BlockContext> = {}) {
  const lines: string[] = [];
  const generation = new Generation(null);
  const context: BlockContext = {
    ...FACTS,
    servers: ['dns://169.254.20.10:53'],
    listeners: [{ address: '169.254.20.10', port: 53 }],
    parts: generation,
    catalogue: new Catalogue(),
    log: new Log((line) => lines.push(line)),
    clock: monotonicClock,
    daemon: {
      reload: async () => true,
      reloadIfChanged: async () => true,
      refresh: async () => true,
      corefile: { digest: '', sources: [] },
      isOwnAddress: () => false,
    },
    offerHitPath: () => {},
    lookUp: (_query, _name, _type, done) => done(failed(RCODE_REFUSED, 'nobody to ask')),
    declineHitPath: () => {},
    ...overrides,
  };
  return { context, generation, lines };
}
