/** The orders that `loadbalance` gives to the records of a message. */
import type { Answer } from '../dns/answer.ts';
import { readUint16 } from '../dns/header.ts';
import type { Message, ResourceRecord } from '../dns/message.ts';
import { TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_MX, TYPE_SRV } from '../dns/type.ts';
import { randomBelow } from '../forward/random.ts';
import { isWithin, type Network } from './network.ts';

/** A message with its records in another order. */
export type Ordering = (message: Message) => Message;

/** Tells how likely an address is to come first: from 1 to 255. */
export interface Weights {
  weightOf(record: ResourceRecord): number;
}

/**
 * Whether an answer has an order to change: several addresses, or several MX records. Most answers
 * of a cluster have one address and are spared the work.
 */
export function isWorthOrdering({ wire, ttlOffsets }: Answer): boolean {
  let addresses = 0;
  let exchanges = 0;
  for (let i = 0; i < ttlOffsets.length; i++) {
    const type = readUint16(wire, ttlOffsets[i] - 4);
    if (type === TYPE_MX) exchanges++;
    else if (type === TYPE_A || type === TYPE_AAAA) addresses++;
  }
  return addresses > 1 || exchanges > 1;
}

/** Addresses and MX records of each section in random order. */
export const roundRobin: Ordering = (message) => ({
  ...message,
  answers: shuffleSection(message.answers),
  authorities: shuffleSection(message.authorities),
  additionals: shuffleSection(message.additionals),
});

/** One address, drawn by weight, comes first; the others stay. Only of answers that hold addresses. */
export function weighted(weights: Weights): Ordering {
  return (message) => {
    const [{ type }] = message.questions;
    if (type !== TYPE_A && type !== TYPE_AAAA && type !== TYPE_SRV) return message;
    return {
      ...message,
      answers: drawFirst(message.answers, weights),
      additionals: drawFirst(message.additionals, weights),
    };
  };
}

/** What `first` makes, then addresses in `networks` before the others. */
export function preferring(networks: readonly Network[], first: Ordering): Ordering {
  const rank = ({ rdata }: ResourceRecord): number => {
    const found = networks.findIndex((network) => isWithin(network, rdata));
    return found < 0 ? networks.length : found;
  };
  const sort = (records: readonly ResourceRecord[]): ResourceRecord[] => {
    const sorted = sortOut(records);
    sorted.addresses.sort((a, b) => rank(a) - rank(b));
    return inOrder(sorted);
  };
  return (message) => {
    const changed = first(message);
    return {
      ...changed,
      answers: sort(changed.answers),
      additionals: sort(changed.additionals),
    };
  };
}

/** A section's records by kind, each in the order they had. */
interface Sorted {
  readonly aliases: ResourceRecord[];
  readonly others: ResourceRecord[];
  readonly addresses: ResourceRecord[];
  readonly exchanges: ResourceRecord[];
}

function sortOut(records: readonly ResourceRecord[]): Sorted {
  const sorted: Sorted = { aliases: [], others: [], addresses: [], exchanges: [] };
  for (const record of records) kindOf(record.type, sorted).push(record);
  return sorted;
}

function kindOf(type: number, sorted: Sorted): ResourceRecord[] {
  if (type === TYPE_CNAME) return sorted.aliases;
  if (type === TYPE_A || type === TYPE_AAAA) return sorted.addresses;
  return type === TYPE_MX ? sorted.exchanges : sorted.others;
}

/** Aliases come before what they lead to: some stub resolvers understand nothing else. */
function inOrder({ aliases, others, addresses, exchanges }: Sorted): ResourceRecord[] {
  return [...aliases, ...others, ...addresses, ...exchanges];
}

function shuffleSection(records: readonly ResourceRecord[]): ResourceRecord[] {
  const sorted = sortOut(records);
  shuffle(sorted.addresses);
  shuffle(sorted.exchanges);
  return inOrder(sorted);
}

/** In place, every order equally likely (Fisher and Yates). */
function shuffle(records: ResourceRecord[]): void {
  for (let left = records.length; left > 1; left--) {
    swap(records, randomBelow(left), left - 1);
  }
}

function drawFirst(
  records: readonly ResourceRecord[],
  weights: Weights,
): readonly ResourceRecord[] {
  const sorted = sortOut(records);
  const { addresses } = sorted;
  if (addresses.length === 0) return records;
  const each = addresses.map((record) => weights.weightOf(record));
  let left = randomBelow(each.reduce((sum, weight) => sum + weight, 0));
  const drawn = each.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  swap(addresses, 0, drawn);
  return inOrder(sorted);
}

function swap(records: ResourceRecord[], a: number, b: number): void {
  [records[a], records[b]] = [records[b], records[a]];
}
