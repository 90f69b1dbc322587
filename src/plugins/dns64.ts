/**
 * `dns64 [PREFIX]`: gives clients without IPv4 an IPv6 address for hosts without IPv6 (RFC 6147,
 * spec §5.12).
 *
 *   dns64 [PREFIX] {
 *       prefix PREFIX       64:ff9b::/96 by default
 *       translate_all       also for names that have AAAA records
 *       allow_ipv4          also for clients that ask over IPv4
 *   }
 */
import type { Token } from '../config/token.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import type { Answer } from '../dns/answer.ts';
import { CLASS_IN, RCODE_NXDOMAIN, RCODE_SERVFAIL } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { TYPE_A, TYPE_AAAA } from '../dns/type.ts';
import type { BlockContext, Directive } from './directive.ts';
import { hasUsableAddress, soaTtlSeconds, synthesize } from './dns64-answer.ts';
import { DEFAULT_PREFIX, type Dns64Prefix, readDns64Prefix } from './dns64-prefix.ts';
import { answered, type Done, failed, type Stage } from './stage.ts';

export interface Dns64Options {
  readonly prefix: Dns64Prefix;
  readonly translateAll: boolean;
  readonly allowIpv4: boolean;
}

/** Queries answered with addresses made here. */
interface Translated {
  count: number;
}

export const dns64: Directive<Dns64Options> = {
  name: 'dns64',
  repeatable: true,
  parse(uses) {
    let prefix = DEFAULT_PREFIX;
    let translateAll = false;
    let allowIpv4 = false;
    const flag = (option: Token, values: readonly Token[]): true => {
      checkCount(option, values, { min: 0, max: 0 });
      return true;
    };
    for (const { name, args, lines } of uses) {
      checkCount(name, args, { min: 0, max: 1 });
      if (args.length === 1) prefix = readDns64Prefix(args[0]);
      for (const { words } of lines) {
        const [option, ...values] = words;
        if (option.text === 'translate_all') translateAll = flag(option, values);
        else if (option.text === 'allow_ipv4') allowIpv4 = flag(option, values);
        else if (option.text === 'prefix') {
          checkCount(option, values, { min: 1, max: 1 });
          prefix = readDns64Prefix(values[0]);
        } else throw unknownOption('dns64', option);
      }
    }
    return Object.freeze({ prefix, translateAll, allowIpv4 });
  },
  stage(options, context, next) {
    // Answers without addresses are stored, too, and must come by here.
    context.declineHitPath();
    return new Dns64Stage(options, { lookUp: context.lookUp, next, ...countersOf(context) });
  },
};

/** Counters by listener, for good. */
function countersOf({ catalogue, servers }: BlockContext) {
  const entries = servers.map((server): [string, Translated] => {
    const counter = catalogue.lasting(`dns64 ${server}`, () => {
      const made = { count: 0 };
      catalogue.source('coredns_dns64_requests_translated_total', (emit) => {
        if (made.count > 0) emit({ server }, made.count);
      });
      return made;
    });
    return [server, counter];
  });
  return { translated: new Map(entries) };
}

interface Dns64Modules extends Pick<BlockContext, 'lookUp'> {
  readonly next: Stage;
  /** BOUNDED by the listeners of the block. */
  readonly translated: ReadonlyMap<string, Translated>;
}

class Dns64Stage implements Stage {
  readonly #options: Dns64Options;
  readonly #modules: Dns64Modules;

  constructor(options: Dns64Options, modules: Dns64Modules) {
    this.#options = options;
    this.#modules = modules;
  }

  resolve(query: Query, done: Done): void {
    const { next } = this.#modules;
    if (!this.#concerns(query)) {
      next.resolve(query, done);
      return;
    }
    next.resolve(query, (outcome) => {
      const { answer } = outcome;
      if (answer === null || !this.#lacksAddress(answer)) done(outcome);
      else this.#translate(query, soaTtlSeconds(answer), done);
    });
  }

  #concerns(query: Query): boolean {
    if (query.qtype !== TYPE_AAAA || query.qclass !== CLASS_IN) return false;
    if (query.client.family === 4 && !this.#options.allowIpv4) return false;
    // RFC 6147 §5.5: a client that sets DO and CD validates itself and must be given what is there.
    return !(query.dnssecOk && query.checkingDisabled);
  }

  #lacksAddress(answer: Answer): boolean {
    // RFC 6147 §5.1.2: name errors pass, all other errors count as an answer without records.
    if (answer.rcode === RCODE_NXDOMAIN) return false;
    if (this.#options.translateAll) return true;
    // What was cut off may be an address: the client asks again over TCP.
    return !answer.truncated && !hasUsableAddress(answer);
  }

  #translate(query: Query, maxTtlSeconds: number, done: Done): void {
    const { lookUp, translated } = this.#modules;
    lookUp(query, query.wireName, TYPE_A, (outcome) => {
      if (outcome.answer === null) {
        done(outcome);
        return;
      }
      const answer = synthesize(query, outcome.answer, this.#options.prefix, maxTtlSeconds);
      if (answer === null) {
        done(failed(RCODE_SERVFAIL, 'the answer for A cannot be translated'));
        return;
      }
      const counter = translated.get(query.server);
      if (counter !== undefined) counter.count++;
      done(answered(answer, 'dns64'));
    });
  }
}
