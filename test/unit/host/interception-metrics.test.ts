import { describe, expect, test } from 'vitest';
import type { InterceptionReport } from '../../../src/host/interception.ts';
import {
  type InterceptionWish,
  interceptionWord,
  showInterception,
} from '../../../src/host/interception-metrics.ts';
import { createNodeEvents } from '../../../src/host/node-events.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';

const IPS = ['169.254.20.10', '10.96.0.10'];
const WISH: InterceptionWish = {
  localIps: IPS,
  setupInterface: true,
  setupIptables: true,
  leaseMs: 2000,
};
const ENGAGED: InterceptionReport = {
  state: 'engaged',
  isHeld: true,
  held: IPS,
  ruled: IPS,
  rulesBackend: 'iptables-nft',
};

describe('the state', () => {
  test.each<[string, Partial<InterceptionReport>, Partial<InterceptionWish>]>([
    ['intercepting', {}, {}],
    ['starting', { state: 'prepared', held: [], ruled: [] }, {}],
    ['stopping', { state: 'stopped' }, {}],
    ['partial', { held: IPS.slice(0, 1) }, {}],
    ['partial', { ruled: IPS.slice(0, 1) }, {}],
    ['withheld', { held: [] }, {}],
    ['withheld', { isHeld: false }, {}],
    ['intercepting', { held: [] }, { setupInterface: false }],
    ['partial', { held: [], ruled: [] }, { setupInterface: false }],
    ['intercepting', { ruled: [] }, { setupIptables: false }],
    ['off', { held: [], ruled: [] }, { setupInterface: false, setupIptables: false }],
  ])('%s for %o, %o', (word, report, wish) => {
    expect(interceptionWord({ ...ENGAGED, ...report }, { ...WISH, ...wish })).toBe(word);
  });
});

async function shown(wish: InterceptionWish, report = ENGAGED): Promise<string[]> {
  const catalogue = new Catalogue();
  const events = createNodeEvents();
  events.leaseRenewals = 7;
  events.leaseExpiries.standstill = 1;
  events.repairs.rules = 2;
  showInterception(catalogue, wish, { report: () => report, events });
  const text = await expose(catalogue);
  return text
    .split('\n')
    .filter((line) => /^nodelocaldns_(interception|lease|repairs)/.test(line))
    .map((line) => line.replace('nodelocaldns_', ''));
}

test('exactly one state is 1, and what happened is counted', async () => {
  expect(await shown(WISH)).toEqual([
    'interception_state{state="intercepting"} 1',
    'interception_state{state="off"} 0',
    'interception_state{state="partial"} 0',
    'interception_state{state="starting"} 0',
    'interception_state{state="stopping"} 0',
    'interception_state{state="withheld"} 0',
    'lease_expiries_total{reason="standstill"} 1',
    'lease_expiries_total{reason="unanswered"} 0',
    'lease_held 1',
    'lease_renewals_total 7',
    'repairs_total{kind="address"} 0',
    'repairs_total{kind="interface"} 0',
    'repairs_total{kind="rules"} 2',
  ]);
});

test('without a lease nothing says that it is not held: an alert on that would fire', async () => {
  for (const wish of [{ leaseMs: 0 }, { setupInterface: false }]) {
    const lines = await shown({ ...WISH, ...wish });
    expect(lines.filter((line) => line.startsWith('lease_held'))).toEqual([]);
  }
});
