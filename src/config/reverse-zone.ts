/** Reverse zones of networks: `10.0.0.0/15` is 0.10.in-addr.arpa. and 1.10.in-addr.arpa. */
import { isIPv4, isIPv6 } from 'node:net';

/**
 * The zones that hold the reverse names of a network in CIDR form, without last dot; null when
 * `text` is none. A mask within an octet (IPv4) or a nibble (IPv6) gives several.
 */
export function reverseZones(text: string): string[] | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const [, address, mask] = match;
  const prefixLength = Number(mask);
  if (isIPv4(address) && prefixLength <= 32) return zonesOf(ipv4Digits(address), 8, prefixLength);
  if (isIPv6(address) && !address.includes('%') && prefixLength <= 128) {
    return zonesOf(ipv6Digits(address), 4, prefixLength);
  }
  return null;
}

/** The zones of the network whose address consists of `digits` of `width` bits each. */
function zonesOf(digits: readonly number[], width: number, prefixLength: number): string[] {
  const whole = Math.floor(prefixLength / width);
  const free = (width - (prefixLength % width)) % width;
  const suffix = width === 8 ? 'in-addr.arpa' : 'ip6.arpa';
  const radix = width === 8 ? 10 : 16;
  const name = (labels: readonly number[]) =>
    [...labels.map((digit) => digit.toString(radix)).reverse(), suffix].join('.');
  const fixed = digits.slice(0, whole);
  if (free === 0) return [name(fixed)];
  const first = (digits[whole] >> free) << free;
  return Array.from({ length: 1 << free }, (_, i) => name([...fixed, first + i]));
}

function ipv4Digits(address: string): number[] {
  return address.split('.').map(Number);
}

/** The 32 nibbles of an address; its last 32 bits may be written as IPv4. */
function ipv6Digits(address: string): number[] {
  const dotted = /[\d.]+$/.exec(address.includes('.') ? address : '')?.[0];
  const hex = dotted === undefined ? address : address.slice(0, -dotted.length) + ipv4AsHex(dotted);
  const [head, tail] = hex.split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail ?? '');
  const zeros = Array<string>(tail === undefined ? 0 : 8 - left.length - right.length).fill('0');
  const groups = [...left, ...zeros, ...right];
  return groups.flatMap((group) => [...group.padStart(4, '0')].map((digit) => parseInt(digit, 16)));
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}

function ipv4AsHex(address: string): string {
  const [a, b, c, d] = ipv4Digits(address);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
