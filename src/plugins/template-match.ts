/** Whether a `template` is for a query, and what its records are filled in with. */
import { ZoneSet } from '../cache/zone-set.ts';
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_LENGTH,
} from '../dns/header.ts';
import { nameToText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { className } from '../dns/rcode.ts';
import { typeName } from '../dns/type.ts';
import type { TemplateRule } from './template-options.ts';
import type { TemplateFields, TemplateValue } from './template-value.ts';

/** A class or type that stands for every one. */
const ANY = 255;

/** A query that a template answers. */
export interface TemplateMatch {
  /** The template's zone that holds the name. */
  readonly zone: string;
  /** Of the query; of the template where the query asks for any. */
  readonly qclass: number;
  readonly qtype: number;
  readonly data: TemplateFields;
}

/** How a query and a template get along. */
export type Matching = TemplateMatch | 'other-question' | 'other-name';

/** Finds the matches of one template. */
export class TemplateMatcher {
  readonly #rule: TemplateRule;
  readonly #zones: ZoneSet;

  constructor(rule: TemplateRule) {
    this.#rule = rule;
    this.#zones = new ZoneSet(rule.zones);
  }

  match(query: Query): Matching {
    const zone = this.#zones.find(query.key);
    const { patterns } = this.#rule;
    const qclass = common(this.#rule.qclass, query.qclass);
    const qtype = common(this.#rule.qtype, query.qtype);
    if (zone === null || qclass === null || qtype === null) return 'other-question';
    for (const pattern of patterns) {
      const found = pattern.exec(query.name);
      if (found === null) continue;
      const match = { zone, qclass, qtype };
      return { ...match, data: dataOf(query, match, found) };
    }
    return 'other-name';
  }
}

/** The more definite of two numbers; null when they differ. */
function common(wanted: number, asked: number): number | null {
  if (asked === ANY) return wanted;
  return wanted === ANY || wanted === asked ? asked : null;
}

/** What a template may name. */
function dataOf(
  query: Query,
  { zone, qclass, qtype }: Omit<TemplateMatch, 'data'>,
  found: RegExpExecArray,
): TemplateFields {
  // A group that took no part in the match is empty, as in Go.
  const match = Array.from(found, (text) => text ?? '');
  const groups = Object.entries(found.groups ?? {}).map(pairWithText);
  return struct([
    ['Zone', zone],
    ['Name', query.name],
    ['Class', className(qclass)],
    ['Type', typeName(qtype)],
    ['Match', match],
    ['Group', map([...match.map(pairWithPosition), ...groups])],
    ['Question', question(query)],
    ['Message', message(query)],
    ['Remote', query.client.address],
    // Labels are made by directives that ask other services, of which there are none here.
    ['Meta', () => ''],
  ]);
}

function pairWithText([name, text]: readonly [string, string | undefined]): [string, string] {
  return [name, text ?? ''];
}

function pairWithPosition(text: string, position: number): [string, string] {
  return [String(position), text];
}

/** The question with its letter case as sent. */
function question(query: Query): TemplateFields {
  return struct([
    ['Name', nameToText(query.wire, HEADER_LENGTH)],
    ['Qtype', BigInt(query.qtype)],
    ['Qclass', BigInt(query.qclass)],
  ]);
}

function message(query: Query): TemplateFields {
  const { flags } = query;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return struct([
    ['Id', BigInt(query.id)],
    ['Response', has(FLAG_QR)],
    ['Opcode', BigInt(query.opcode)],
    ['Authoritative', has(FLAG_AA)],
    ['Truncated', has(FLAG_TC)],
    ['RecursionDesired', has(FLAG_RD)],
    ['RecursionAvailable', has(FLAG_RA)],
    ['AuthenticatedData', has(FLAG_AD)],
    ['CheckingDisabled', has(FLAG_CD)],
    ['Rcode', 0n],
    ['Question', [question(query)]],
  ]);
}

function struct(fields: readonly (readonly [string, TemplateValue])[]): TemplateFields {
  return { fields: new Map(fields), isStruct: true };
}

function map(fields: readonly (readonly [string, TemplateValue])[]): TemplateFields {
  return { fields: new Map(fields), isStruct: false };
}
