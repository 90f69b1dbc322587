import { shortNumber } from '../text-table.ts';
import { type Check, type Finding, good, note, warning } from './examination.ts';

const SUBJECT = 'conntrack';
const STATISTICS = '/proc/net/stat/nf_conntrack';
const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count';
const MAX = '/proc/sys/net/netfilter/nf_conntrack_max';
const FULL_SHARE = 0.8;

/** Whether connection tracking loses packets on this node, as it did before there was a cache. */
export const checkConntrack: Check = async ({ read }) => {
  const text = read(STATISTICS);
  if (text === null) return [note(SUBJECT, 'is not in use here')];
  const { drop, early_drop: early, insert_failed: races } = sumColumns(text);
  const findings: Finding[] = [];
  const [count, max] = [Number(read(COUNT) ?? 0), Number(read(MAX) ?? 0)];
  if (max > 0 && count > FULL_SHARE * max) {
    findings.push(
      warning(
        SUBJECT,
        `the table holds ${shortNumber(count)} of ${shortNumber(max)} connections`,
        'raise net.netfilter.nf_conntrack_max on the node, or look for who opens so many',
      ),
    );
  }
  if (drop + early > 0) {
    findings.push(
      warning(
        SUBJECT,
        `${shortNumber(drop + early)} packets or connections were dropped since the node started`,
        'the table was full: DNS to the local addresses is not tracked, other traffic is',
      ),
    );
  }
  if (races > 0) {
    findings.push(
      note(
        SUBJECT,
        `${shortNumber(races)} insertions failed: packets lost in races, each a delay of 5 s for a DNS query that is tracked`,
        'if the number grows, some pods ask another DNS server than this one over UDP',
      ),
    );
  }
  return findings.length > 0 ? findings : [good(SUBJECT, 'drops nothing')];
};

/** Columns of the file added up over the processors: hexadecimal below a line of names. */
export function sumColumns(text: string): Record<string, number> {
  const [head, ...lines] = text.trim().split('\n');
  const sums: Record<string, number> = { drop: 0, early_drop: 0, insert_failed: 0 };
  const names = head.trim().split(/\s+/);
  for (const line of lines) {
    line
      .trim()
      .split(/\s+/)
      .forEach((value, column) => {
        sums[names[column]] = (sums[names[column]] ?? 0) + Number.parseInt(value, 16);
      });
  }
  return sums;
}
