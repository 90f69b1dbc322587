import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NodeState, TopView } from '../../src/control/protocol.ts';
import { noBrowserReason, openBrowser } from '../helpers/browser.ts';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };

function addressOf(daemon: RunningDaemon): string {
  return `http://127.0.0.1:${daemon.ports.setupMetrics}/`;
}

/** Opens the page; `complaints` grows with everything that the browser finds wrong with it. */
async function openPage(daemon: RunningDaemon, viewport = DESK) {
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(addressOf(daemon));
  return { page, complaints, requests };
}

/** Asks for names until the test is over. */
function keepAsking(daemon: RunningDaemon): void {
  const timer = setInterval(() => {
    for (const name of ['a.example', 'A.example', 'nobody.shop.svc.cluster.local'])
      void daemon.ask(name, 'A');
  }, 100);
  onTestFinished(() => clearInterval(timer));
}

function textOf(page: Page, id: string): Promise<string | null> {
  return page.locator(`#${id}`).textContent();
}

describe.skipIf(noBrowserReason !== '')(`the page ${noBrowserReason}`, () => {
  test('shows the state, goes on by itself, and the browser finds nothing wrong', async () => {
    const daemon = await startDaemon();
    keepAsking(daemon);
    const { page, complaints, requests } = await openPage(daemon);
    await page.locator('#upstreams .good').waitFor();
    expect(await textOf(page, 'upstreams')).toContain(`127.0.0.1:${daemon.ports.upstream}`);
    await expect.poll(() => textOf(page, 'names'), { timeout: 10_000 }).toContain('a.example.');
    await expect.poll(() => textOf(page, 'clients')).toContain('127.0.0.1');
    expect(await textOf(page, 'tiles')).toMatch(/\d+(\.\d+)?queries\/s/);
    const before = await textOf(page, 'tiles');
    await expect.poll(() => textOf(page, 'tiles'), { timeout: 10_000 }).not.toBe(before);
    await page.locator('summary').click();
    expect(await textOf(page, 'corefile')).toContain(
      `forward . 127.0.0.1:${daemon.ports.upstream}`,
    );
    expect(complaints).toEqual([]);
    const isElsewhere = (url: string) => !/^data:/.test(url) && !url.startsWith(addressOf(daemon));
    expect(requests.filter(isElsewhere)).toEqual([]);
    expect(requests).toContain(`${addressOf(daemon)}state.json`);
  });

  test('says so when the daemon is gone', async () => {
    const daemon = await startDaemon();
    const { page } = await openPage(daemon);
    await page.locator('#upstreams td').first().waitFor();
    await daemon.process.stop();
    await page.locator('#subtitle.bad').waitFor({ timeout: 10_000 });
  });

  test('fits on a phone, in light and in dark', async () => {
    const daemon = await startDaemon();
    keepAsking(daemon);
    const { page, complaints } = await openPage(daemon, PHONE);
    await page.locator('#upstreams td').first().waitFor();
    const backs: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      backs.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
        PHONE.width,
      );
    }
    expect(backs[0]).not.toBe(backs[1]);
    expect(complaints).toEqual([]);
  });

  test('shows names as text, whatever they are', async () => {
    const daemon = await startDaemon();
    const { page, complaints } = await openPage(daemon);
    await page.locator('#names td').first().waitFor();
    const name = '<img\\032src=x\\032onerror=alert(1)>.example';
    const timer = setInterval(() => void daemon.ask(name, 'A'), 100);
    onTestFinished(() => clearInterval(timer));
    await expect.poll(() => textOf(page, 'names'), { timeout: 10_000 }).toContain('<img');
    expect(await page.locator('#names img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});

test('the state is JSON at a path of its own, and only GET is answered', async () => {
  const daemon = await startDaemon();
  const response = await fetch(`${addressOf(daemon)}state.json`);
  expect(response.headers.get('content-type')).toBe('application/json');
  const { state, top } = (await response.json()) as { state: NodeState; top: TopView };
  expect(state.pid).toBe(daemon.process.child.pid);
  expect(top.sampledOneIn).toBe(1);
  expect((await fetch(addressOf(daemon), { method: 'POST' })).status).toBe(405);
});
