/** What is counted of `template`, for the life of the process (spec §6.2). */
import { className } from '../dns/rcode.ts';
import { typeName } from '../dns/type.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { MetricName } from '../metrics/definitions.ts';

/** What tells counters apart. */
export interface TemplateLabels {
  readonly server: string;
  readonly zone: string;
  readonly qclass: number;
  readonly qtype: number;
}

/** A record that could not be made: from which template, and where it should have stood. */
export interface TemplateFailure {
  /** The template could not be filled in, or gave what is no record. */
  readonly kind: 'template' | 'rr';
  readonly section: string;
  readonly template: string;
}

export function countMatch(catalogue: Catalogue, labels: TemplateLabels): void {
  count(catalogue, 'coredns_template_matches_total', labelsOf(labels));
}

export function countFailure(
  catalogue: Catalogue,
  labels: TemplateLabels,
  { kind, section, template }: TemplateFailure,
): void {
  count(catalogue, `coredns_template_${kind}_failures_total`, {
    ...labelsOf(labels),
    section,
    template,
  });
}

function count(
  catalogue: Catalogue,
  metric: MetricName,
  labels: Readonly<Record<string, string>>,
): void {
  const counter = catalogue.lasting(`${metric} ${JSON.stringify(labels)}`, () => {
    const made = { count: 0 };
    catalogue.source(metric, (emit) => emit(labels, made.count));
    return made;
  });
  counter.count++;
}

function labelsOf({ server, zone, qclass, qtype }: TemplateLabels) {
  return {
    server,
    zone,
    view: '',
    class: known(className(qclass), 'CLASS'),
    type: known(typeName(qtype), 'TYPE'),
  };
}

/** Clients can ask for 65,536 types: those without a name share one label. */
function known(name: string, generic: string): string {
  return /^\d+$/.test(name.slice(generic.length)) && name.startsWith(generic) ? 'other' : name;
}
