/** Puts the daemon's page into one file: markup, style, script and the plotting library. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** A page as it is sent. */
export interface BuiltPage {
  /** gzip, base64. */
  readonly body: string;
  /** What its script is allowed by in a Content-Security-Policy. */
  readonly scriptHash: string;
}

const folder = new URL('../src/page/', import.meta.url);

export async function buildPage(): Promise<BuiltPage> {
  const script = await bundle('client.ts');
  const style = (await bundle('page.css')) + (await plotStyle());
  const markup = await readFile(new URL('page.html', folder), 'utf8');
  const html = markup.replace('/*STYLE*/', () => style).replace('/*SCRIPT*/', () => script);
  const digest = createHash('sha256').update(script).digest('base64');
  return {
    body: gzipSync(html, { level: 9 }).toString('base64'),
    scriptHash: `sha256-${digest}`,
  };
}

async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(name, folder).pathname],
    ...{ bundle: true, minify: true, write: false, target: 'es2022', legalComments: 'none' },
    ...(name.endsWith('.css') ? {} : { format: 'iife' }),
    logLevel: 'warning',
  });
  // What ends a script element must not stand within it.
  return outputFiles[0].text.trim().replaceAll('</script', '<\\/script');
}

async function plotStyle(): Promise<string> {
  return readFile(new URL('../node_modules/uplot/dist/uPlot.min.css', import.meta.url), 'utf8');
}
