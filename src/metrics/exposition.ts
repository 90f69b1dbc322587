/**
 * The metrics as text: Prometheus' format 0.0.4, spelled as Go's client library spells it, because
 * that is what people's scripts have been written against (spec §6.1).
 *
 * Metrics by name, series by label values, labels by name with `le` last. A metric with labels has
 * no line before its first use; one without is there from the start, with 0.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Catalogue, Labels } from './catalogue.ts';
import { DEFINITIONS, type Definition, type MetricName } from './definitions.ts';
import { Histogram } from './histogram.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** What of a metric's text is the same in every scrape. */
interface Form {
  readonly name: MetricName;
  readonly head: string;
  /** Names of the labels in the order of the text. */
  readonly order: readonly string[];
  readonly bounds: readonly number[] | undefined;
}

const FORMS: readonly Form[] = Object.entries(DEFINITIONS).map(
  ([name, { help, type, labels, bounds = undefined }]: [string, Definition]) => ({
    name: name as MetricName,
    head: headText(name, help, type),
    order: [...labels].sort(),
    bounds,
  }),
);

/** Bounds as text, that of the last bucket included. BOUNDED by the lists of bounds in histogram.ts. */
const BOUND_TEXTS = new WeakMap<readonly number[], readonly string[]>();

/** For so long at a stretch: then the queries that came meanwhile have their turn. */
const STRETCH_MS = 0.3;

/** Reads every source and writes it all down, in several turns of the event loop. */
export async function expose(catalogue: Catalogue): Promise<string> {
  const families = new Map<string, string>();
  let turnAtMs = performance.now();
  for (const form of FORMS) {
    families.set(form.name, familyText(form, catalogue));
    if (performance.now() - turnAtMs < STRETCH_MS) continue;
    await nextTurn();
    turnAtMs = performance.now();
  }
  for (const { name, help, type, values } of (await catalogue.registry?.getMetricsAsJSON()) ?? []) {
    if (values.length > 0) {
      families.set(name, headText(name, help, String(type)) + nodeText(name, values));
    }
  }
  return [...families.keys()]
    .sort()
    .map((name) => families.get(name))
    .join('');
}

/** A metric of ours with its head; '' when it has no series. */
function familyText(form: Form, catalogue: Catalogue): string {
  const series = readSeries(form, catalogue);
  if (series.size === 0) return '';
  // Joined at once: text that grows line by line would be kept in pieces until it is sent.
  const lines = [form.head];
  for (const labels of [...series.keys()].sort()) {
    const value = series.get(labels) ?? 0;
    if (typeof value === 'number') lines.push(line(form.name, labels, value));
    else addHistogram(lines, form, labels, value);
  }
  return lines.join('');
}

/** Samples by the text of their labels, those with equal labels added up. BOUNDED by the sources. */
function readSeries(
  { name, order, bounds }: Form,
  catalogue: Catalogue,
): Map<string, number | Histogram> {
  const series = new Map<string, number | Histogram>();
  const hasSource = catalogue.read(name, (labels, value) => {
    const key = labelText(labels, order);
    const known = series.get(key);
    series.set(key, known === undefined ? value : sum(known, value));
  });
  if (!hasSource && order.length === 0) {
    series.set('', bounds === undefined ? 0 : new Histogram(bounds));
  }
  return series;
}

function sum(a: number | Histogram, b: number | Histogram): number | Histogram {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) + Number(b);
  const both = new Histogram(a.bounds);
  both.add(a);
  both.add(b);
  return both;
}

/** A sample of prom-client, of which a histogram's have names of their own. */
interface NodeSample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string;
}

function nodeText(name: string, samples: readonly NodeSample[]): string {
  let text = '';
  for (const { value, labels, metricName } of samples) {
    const { le, ...others } = labels;
    const values = Object.fromEntries(
      Object.entries(others).map(([label, of]) => [label, String(of)]),
    );
    const own = labelText(values, Object.keys(values).sort());
    text += line(metricName ?? name, le === undefined ? own : withBound(own, boundText(le)), value);
  }
  return text;
}

function boundText(le: string | number): string {
  return typeof le === 'number' ? goNumber(le) : le;
}

function headText(name: string, help: string, type: string): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`;
}

/** Buckets in the format are cumulative: each counts all that lies below its bound. */
function addHistogram(
  lines: string[],
  { name }: Form,
  labels: string,
  { bounds, counts, sum }: Histogram,
): void {
  const boundTexts = textsOf(bounds);
  const bucket = `${name}_bucket{${labels === '' ? '' : `${labels},`}le="`;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    below += counts[i];
    lines.push(bucket, boundTexts[i], `"} ${goNumber(below)}\n`);
  }
  lines.push(line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below));
}

function textsOf(bounds: readonly number[]): readonly string[] {
  let texts = BOUND_TEXTS.get(bounds);
  if (texts === undefined) {
    texts = [...bounds, Number.POSITIVE_INFINITY].map(goNumber);
    BOUND_TEXTS.set(bounds, texts);
  }
  return texts;
}

function withBound(labels: string, bound: string): string {
  return labels === '' ? `le="${bound}"` : `${labels},le="${bound}"`;
}

function line(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${goNumber(value)}\n` : `${name}{${labels}} ${goNumber(value)}\n`;
}

/** `a="1",b="2"` in the order given; a label that was not given is empty. */
function labelText(labels: Labels, order: readonly string[]): string {
  let text = '';
  for (const name of order) {
    if (text !== '') text += ',';
    text += `${name}="${escapeLabel(labels[name] ?? '')}"`;
  }
  return text;
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** A number as Go's strconv prints it in its shortest general form: `42`, `1.048576e+06`, `+Inf`. */
export function goNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
