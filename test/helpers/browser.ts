/** Debian's Chromium, as the tests of the page start it. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { onTestFinished } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';

/** Why there is no browser to test with; '' when there is one. */
export const noBrowserReason = existsSync(CHROMIUM) ? '' : `${CHROMIUM} is not installed`;

/** Opens a browser that is gone when the test is over. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  onTestFinished(() => browser.close());
  return browser;
}
