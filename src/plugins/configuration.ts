/**
 * From the text of a Corefile to what the daemon is built from, in three steps with a type each:
 * blocks as written (parser.ts), zones at listeners (listeners.ts), options of directives.
 */
import { CorefileError } from '../config/corefile-error.ts';
import { corefileDigest } from '../config/digest.ts';
import { diskFiles, type FileSource } from '../config/file-source.ts';
import { findListeners, type Listener } from '../config/listeners.ts';
import { type CorefileSource, type ParsedCorefile, parseCorefile } from '../config/parser.ts';
import { readServerKey, type ZoneKey } from '../config/server-key.ts';
import type { DirectiveUse, ServerBlock } from '../config/token.ts';
import type { BlockFacts, BlockSettings, Directive } from './directive.ts';
import { COREDNS_DIRECTIVES, DIRECTIVES } from './registry.ts';

/** A Corefile understood: complete, valid and frozen. */
export interface Configuration {
  /** What it was understood from. */
  readonly parsed: ParsedCorefile;
  readonly blocks: readonly BlockConfiguration[];
  readonly listeners: readonly Listener[];
  /** Changes when the meaning of the text does; see corefileDigest. */
  readonly digest: string;
  readonly warnings: readonly string[];
}

/** A server block understood. */
export interface BlockConfiguration extends BlockFacts {
  /** The zones with their ports. */
  readonly keys: readonly ZoneKey[];
  /** In the order of the chain. */
  readonly directives: readonly ConfiguredDirective[];
  readonly settings: Readonly<BlockSettings>;
}

/** A directive with the options that its own `parse` made. */
export interface ConfiguredDirective {
  readonly directive: Directive<unknown>;
  readonly options: unknown;
}

/** What the Corefile does not say itself. */
export interface LoadOptions {
  /** The port of keys without one. */
  readonly defaultPort: number;
  /** The interface the daemon makes: known to `bind` before it exists. */
  readonly ownInterface?: BlockFacts['ownInterface'];
}

/** What an empty Corefile stands for. */
const DEFAULT_TEXT = '. {\n    whoami\n    log\n}\n';

/**
 * Understands a Corefile. Throws CorefileError: the first fault, the faults of other directives in
 * its `others`.
 */
export function loadCorefile(
  source: CorefileSource,
  options: LoadOptions,
  files: FileSource = diskFiles,
): Configuration {
  return understandCorefile(parseOrDefault(source, files), options);
}

/** The same for a Corefile that was parsed before: the files that its directives name are read anew. */
export function understandCorefile(parsed: ParsedCorefile, options: LoadOptions): Configuration {
  const faults: CorefileError[] = [];
  const blocks = parsed.blocks.map((block, index) => readBlock(block, index, options, faults));
  const [first, ...others] = faults;
  if (first !== undefined) throw Object.assign(first, { others });
  return Object.freeze({
    parsed,
    blocks: Object.freeze(blocks),
    listeners: Object.freeze(
      findListeners(
        blocks.map(({ keys, settings }) => ({ keys, addresses: settings.listenAddresses })),
      ),
    ),
    digest: corefileDigest(parsed.blocks),
    warnings: parsed.warnings,
  });
}

function parseOrDefault(source: CorefileSource, files: FileSource): ParsedCorefile {
  const parsed = parseCorefile(source, files);
  return parsed.blocks.length > 0
    ? parsed
    : parseCorefile({ ...source, text: DEFAULT_TEXT }, files);
}

function readBlock(
  block: ServerBlock,
  index: number,
  { defaultPort, ownInterface }: LoadOptions,
  faults: CorefileError[],
): BlockConfiguration {
  const keys = block.keys.flatMap(
    (key) => collect(faults, () => readServerKey(key, defaultPort)) ?? [],
  );
  const facts: BlockFacts = {
    zones: Object.freeze([...new Set(keys.map((key) => key.zone))]),
    index,
    port: keys[0]?.port ?? defaultPort,
    ...(ownInterface === undefined ? {} : { ownInterface }),
  };
  const settings = defaultSettings();
  const directives: ConfiguredDirective[] = [];
  const usesByName = groupByName(block.directives, faults);
  for (const directive of DIRECTIVES) {
    const uses = usesByName.get(directive.name);
    if (uses === undefined) continue;
    collect(faults, () => {
      refuseRepetition(directive, uses);
      const options = directive.parse(uses, facts);
      directive.configure?.(options, settings);
      directives.push(Object.freeze({ directive, options }));
    });
  }
  return Object.freeze({ ...facts, keys, directives: Object.freeze(directives), settings });
}

/** Runs one step; a CorefileError is put down and the rest goes on. */
function collect<T>(faults: CorefileError[], step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    faults.push(error);
    return undefined;
  }
}

/** The uses of each directive, unknown ones put down as faults. */
function groupByName(
  directives: readonly DirectiveUse[],
  faults: CorefileError[],
): ReadonlyMap<string, readonly DirectiveUse[]> {
  const groups = Map.groupBy(directives, (use) => use.name.text);
  const known = DIRECTIVES.map((directive) => directive.name);
  for (const [name, [use]] of groups) {
    if (known.includes(name)) continue;
    faults.push(
      COREDNS_DIRECTIVES.has(name)
        ? new CorefileError(
            'directive-unavailable',
            `directive "${name}" is known to CoreDNS but not available here; available are: ${known.join(', ')}`,
            use.name,
          )
        : new CorefileError('unknown-directive', `Unknown directive '${name}'`, use.name),
    );
  }
  return groups;
}

function refuseRepetition(
  directive: Directive<unknown>,
  [, second]: readonly DirectiveUse[],
): void {
  if (directive.repeatable || second === undefined) return;
  throw new CorefileError(
    'directive-repeated',
    `"${directive.name}" can only be used once per server block`,
    second.name,
  );
}

/** What a block is without directives that say otherwise (spec §5.2). */
function defaultSettings(): BlockSettings {
  return {
    listenAddresses: [],
    maxEdnsSize: 65_535,
    readTimeoutMs: 3000,
    writeTimeoutMs: 5000,
    idleTimeoutMs: 10_000,
    maxTcpQueries: 0,
    debug: false,
  };
}
