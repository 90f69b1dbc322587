/**
 * `metadata [ZONES…]`: lets directives label queries. The one label that is known here, of the
 * upstream, is there whenever it is asked for, so there is nothing to do but accept the line.
 */
import type { DirectiveUse } from '../config/token.ts';
import type { Directive } from './directive.ts';

/** The zones whose queries are labelled, as written; none: those of the block. */
export interface MetadataOptions {
  readonly zones: readonly string[];
}

export const metadata: Directive<MetadataOptions> = {
  name: 'metadata',
  repeatable: true,
  parse: (uses: readonly DirectiveUse[]) =>
    Object.freeze({ zones: uses.flatMap(({ args }) => args.map((word) => word.text)) }),
};
