/** The page for people at the metrics address, and the state that it shows. */
import type { HttpHandler } from '../metrics/http-server.ts';
import { nodeState } from './node-state.ts';
import type { ControlSources } from './sources.ts';
import type { TrafficWatch } from './traffic-watch.ts';

/** Made by scripts/build-page.ts; '' where the sources run as they are. */
const BODY = process.env.NODELOCALDNS_PAGE ?? '';
const SCRIPT_HASH = process.env.NODELOCALDNS_PAGE_SCRIPT ?? '';

/** Nothing from elsewhere, nothing to elsewhere, in nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  `script-src '${SCRIPT_HASH}'`,
  "connect-src 'self'",
  'img-src data:',
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** Handlers by path, for the server of the metrics. */
export function pageRoutes(
  sources: ControlSources,
  watch: TrafficWatch,
): ReadonlyMap<string, HttpHandler> {
  return new Map<string, HttpHandler>([
    ['/', sendPage],
    [
      '/state.json',
      (_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.setHeader('cache-control', 'no-store');
        response.end(JSON.stringify({ state: nodeState(sources), top: watch.look() }));
      },
    ],
  ]);
}

const sendPage: HttpHandler = (_request, response) => {
  if (BODY === '') throw new Error('the page is part of the build: npm run build');
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    // Every browser takes it, and it is kept in no other form.
    'content-encoding': 'gzip',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  response.end(Buffer.from(BODY, 'base64'));
};
