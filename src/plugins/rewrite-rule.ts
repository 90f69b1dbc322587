/** What a `rewrite` rule does with a query and with its response. */
import type { EdnsOption } from '../dns/edns.ts';
import type { Message } from '../dns/message.ts';
import type { Query } from '../dns/query.ts';

/** One `rewrite` line. */
export interface RewriteRule {
  readonly apply: RuleAction;
  /** Whether the rules behind it are left out where it applies (`stop`). */
  readonly isLast: boolean;
}

/**
 * Changes the draft where the rule applies. Returns what is to be done with the response, the last
 * of it first; null where the rule does not apply. Must not throw.
 */
export type RuleAction = (draft: Draft) => readonly ResponseRule[] | null;

/** A query while the rules work on it. */
export interface Draft {
  /** As the client sent it. */
  readonly query: Query;
  /** Presentation form, lower case, with its last dot. */
  name: string;
  type: number;
  class: number;
  /** EDNS options; null without an OPT record. A rule that changes them puts a new list here. */
  options: readonly EdnsOption[] | null;
}

/** What is done with a response. */
export type ResponseRule = MessageChange | Retarget;

/**
 * A response changed, its OPT record included; `message` itself is not. Returns `message` where
 * there is nothing to change.
 */
export type MessageChange = (message: Message) => Message;

/** Leads an alias of the response to another name, whose records must be asked for. */
export interface Retarget {
  /** The new target of an alias on the way from the question; null when none is led elsewhere. */
  find(message: Message): Detour | null;
}

/** An alias that leads elsewhere. */
export interface Detour {
  /** Where to, uncompressed. */
  readonly target: Buffer;
  /** The response with what `found`, the response for the target, says. */
  follow(found: Message): Message;
}
