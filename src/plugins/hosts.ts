/**
 * `hosts [FILE [ZONES…]]`: answers from a file in the form of /etc/hosts, and from lines of the
 * Corefile (spec §5.12).
 *
 *   hosts [FILE [ZONES…]] {
 *       ADDRESS NAME…                 an entry; NAME may start with `*.`
 *       ttl SECONDS                   3600
 *       no_reverse                    no PTR records
 *       reload DURATION               5s; 0: the file is read once
 *       fallthrough [ZONES…]          names that are not known are left to the next directive
 *       fallthrough_unsupported       so are, for names that are known, types without entries
 *   }
 *
 * The table: hosts-table.ts. The file: hosts-file.ts.
 */
import { ZoneSet } from '../cache/zone-set.ts';
import { CorefileError } from '../config/corefile-error.ts';
import type { DirectiveUse, Token } from '../config/token.ts';
import { checkCount, readDurationMs, readInteger, unknownOption } from '../config/values.ts';
import { CLASS_IN, RCODE_SERVFAIL } from '../dns/header.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { nameFromText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { respond } from '../dns/synthesis.ts';
import { TYPE_A, TYPE_AAAA, TYPE_PTR } from '../dns/type.ts';
import type { BlockContext, BlockFacts, Directive } from './directive.ts';
import { HostsFile } from './hosts-file.ts';
import { answered, type Done, failed, type Stage } from './stage.ts';
import { EVERYWHERE, readZones } from './zone-scope.ts';

export interface HostsOptions {
  readonly path: string;
  readonly zones: readonly string[];
  /** Entries that the Corefile holds, as lines. */
  readonly inline: readonly string[];
  readonly ttlSeconds: number;
  readonly reverse: boolean;
  /** 0: the file is read once. */
  readonly reloadMs: number;
  /** Names in these zones that are not known are left to the next directive. */
  readonly fallthrough: readonly string[];
  readonly fallthroughUnsupported: boolean;
}

const DEFAULT_PATH = '/etc/hosts';
const TTL_SECONDS = { default: 3600, min: 1, max: 65_535 };
const RELOAD_MS = { default: 5000, min: 0, max: 24 * 3_600_000 };

export const hosts: Directive<HostsOptions> = {
  name: 'hosts',
  repeatable: false,
  parse: ([use], facts) => readOptions(use, facts),
  stage: (options, context, next) => new HostsStage(options, takeFile(options, context), next),
};

function readOptions({ args, lines, name }: DirectiveUse, facts: BlockFacts): HostsOptions {
  const [file, ...zones] = args;
  const inline: string[] = [];
  const draft = {
    path: file?.text ?? DEFAULT_PATH,
    zones: readZones(zones, facts.zones),
    inline,
    ttlSeconds: TTL_SECONDS.default,
    reverse: true,
    reloadMs: RELOAD_MS.default,
    fallthrough: NOWHERE,
    fallthroughUnsupported: false,
  };
  for (const { words } of lines) {
    const read = OPTIONS.get(words[0].text);
    if (read !== undefined) read(draft, words[0], words.slice(1));
    // Spec §5.12: what stands before `fallthrough` and is no option is an entry.
    else if (draft.fallthrough === NOWHERE) inline.push(words.map(({ text }) => text).join(' '));
    else throw unknownOption('hosts', words[0]);
  }
  if (draft.fallthroughUnsupported && draft.fallthrough === NOWHERE) {
    throw new CorefileError('argument-value', 'fallthrough_unsupported needs fallthrough', name);
  }
  return Object.freeze({ ...draft, inline: Object.freeze(inline) });
}

/** Told from a list that is empty by identity. */
const NOWHERE: readonly string[] = Object.freeze([]);

type Draft = { -readonly [Key in keyof HostsOptions]: HostsOptions[Key] };
type OptionReader = (draft: Draft, option: Token, values: readonly Token[]) => void;

const OPTIONS: ReadonlyMap<string, OptionReader> = new Map<string, OptionReader>([
  [
    'ttl',
    (draft, option, values) => {
      checkCount(option, values, { min: 1, max: 1 });
      draft.ttlSeconds = readInteger(values[0], TTL_SECONDS);
    },
  ],
  [
    'reload',
    (draft, option, values) => {
      checkCount(option, values, { min: 1, max: 1 });
      draft.reloadMs = readDurationMs(values[0], RELOAD_MS);
    },
  ],
  [
    'no_reverse',
    (draft, option, values) => {
      checkCount(option, values, { min: 0, max: 0 });
      draft.reverse = false;
    },
  ],
  [
    'fallthrough',
    (draft, _option, values) => {
      draft.fallthrough = readZones(values, EVERYWHERE);
    },
  ],
  [
    'fallthrough_unsupported',
    (draft, option, values) => {
      checkCount(option, values, { min: 0, max: 0 });
      draft.fallthroughUnsupported = true;
    },
  ],
]);

/** The file with its table: the one in use as long as nothing about it changes. */
function takeFile(options: HostsOptions, { parts, log, catalogue }: BlockContext): HostsFile {
  const { path, inline, reverse, reloadMs, zones } = options;
  const key = `hosts ${JSON.stringify([path, inline, reverse, reloadMs, zones])}`;
  return parts.take(key, () => {
    const concerns = (name: string) =>
      zones.some((zone) => zone === '.' || name === zone || name.endsWith(`.${zone}`));
    return new HostsFile(
      { path, inline, reverse, reloadMs, concerns },
      { log: log.forPlugin('hosts'), catalogue },
    );
  });
}

class HostsStage implements Stage {
  readonly #options: HostsOptions;
  readonly #zones: ZoneSet;
  readonly #fallthrough: ZoneSet;
  readonly #file: HostsFile;
  readonly #next: Stage;

  constructor(options: HostsOptions, file: HostsFile, next: Stage) {
    this.#options = options;
    this.#zones = new ZoneSet(options.zones);
    this.#fallthrough = new ZoneSet(options.fallthrough);
    this.#file = file;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const { table } = this.#file;
    if (query.qclass !== CLASS_IN) {
      this.#next.resolve(query, done);
      return;
    }
    if (query.qtype === TYPE_PTR) {
      const names = table.namesOf(query.name);
      // Without a name the next one is asked, with `fallthrough` or not.
      if (names.length === 0) this.#next.resolve(query, done);
      else
        this.#answer(
          query,
          names.flatMap((name) => nameFromText(name) ?? []),
          done,
        );
      return;
    }
    const isOurs = this.#zones.covers(query.key);
    const addresses = isOurs ? table.addressesOf(query.name) : undefined;
    if (addresses !== undefined) this.#answerKnown(query, addresses, done);
    else if (!isOurs || this.#fallthrough.covers(query.key)) this.#next.resolve(query, done);
    // A file has no SOA record that could vouch for a name error (spec §5.12).
    else done(failed(RCODE_SERVFAIL, ''));
  }

  #answerKnown(query: Query, addresses: readonly Buffer[], done: Done): void {
    const { fallthroughUnsupported } = this.#options;
    const isAddressType = query.qtype === TYPE_A || query.qtype === TYPE_AAAA;
    if (!isAddressType && fallthroughUnsupported && this.#fallthrough.covers(query.key)) {
      this.#next.resolve(query, done);
      return;
    }
    const length = query.qtype === TYPE_A ? 4 : 16;
    const data = isAddressType ? addresses.filter((address) => address.length === length) : [];
    this.#answer(query, data, done);
  }

  /** Answers with a record for each piece of data; with none, the name is there, but not the type. */
  #answer(query: Query, data: readonly Buffer[], done: Done): void {
    const answers = data.map(
      (rdata): ResourceRecord => ({
        name: query.wireName,
        type: query.qtype,
        class: CLASS_IN,
        ttlSeconds: this.#options.ttlSeconds,
        rdata,
      }),
    );
    done(answered(respond(query, { aa: true, answers }), 'hosts'));
  }
}
