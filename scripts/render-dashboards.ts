/** Writes the Grafana dashboards into `deploy/grafana`: a node's view, and that of all nodes. */
import { writeFileSync } from 'node:fs';
import type { Panel, Row } from './dashboard-expressions.ts';
import { FLEET_ROWS } from './dashboard-fleet.ts';
import { NODE_ROWS } from './dashboard-node.ts';

/** Grafana's JSON, as far as we write it. */
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly object[];
  readonly [field: string]: unknown;
}

const COLUMNS = 24;
const HEIGHT = 8;
const STAT_HEIGHT = 4;
/** Grafana fills this in with the data source that is chosen at the top. */
const DATASOURCE = '$datasource';

/** The dashboards by file name. */
export const dashboards: Readonly<Record<string, Dashboard>> = {
  'node.json': dashboard('node', 'Node-local DNS: a node', NODE_ROWS),
  'fleet.json': dashboard('fleet', 'Node-local DNS: all nodes', FLEET_ROWS),
};

function dashboard(name: string, title: string, rows: readonly Row[]): Dashboard {
  const job = 'label_values(coredns_build_info, job)';
  const instance = 'label_values(coredns_build_info{job="$job"}, instance)';
  const variables = [variable('job', job, false)];
  if (name === 'node') variables.push(variable('instance', instance, true));
  return {
    uid: `nodelocaldns-${name}`,
    title,
    tags: ['dns', 'nodelocaldns'],
    schemaVersion: 39,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }, ...variables],
    },
    panels: lay(rows),
  };
}

function variable(name: string, query: string, isMany: boolean): object {
  return {
    ...{ name, label: name, type: 'query', query, definition: query, refresh: 2, sort: 1 },
    ...{ multi: isMany, includeAll: isMany, datasource: DATASOURCE },
  };
}

/** Gives every panel its place: numbers side by side, plots two in a line. */
function lay(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: ofRow } of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
    });
    y++;
    const isStats = ofRow[0].kind === 'stat';
    const width = isStats ? COLUMNS / ofRow.length : COLUMNS / 2;
    const height = isStats ? STAT_HEIGHT : HEIGHT;
    for (const [i, panel] of ofRow.entries()) {
      const x = (i * width) % COLUMNS;
      const gridPos = { h: height, w: width, x, y: y + Math.floor((i * width) / COLUMNS) * height };
      panels.push({ id: panels.length + 1, ...drawn(panel), gridPos });
    }
    y += Math.ceil((ofRow.length * width) / COLUMNS) * height;
  }
  return panels;
}

function drawn({ title, description, unit, queries, kind = 'timeseries' }: Panel): object {
  return {
    type: kind,
    title,
    description,
    datasource: { type: 'prometheus', uid: DATASOURCE },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: Object.entries(queries).map(([legendFormat, expr], i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      expr,
      legendFormat,
    })),
  };
}

/** A dashboard's file. */
export function dashboardText(content: Dashboard): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

if (import.meta.main) {
  for (const [file, content] of Object.entries(dashboards)) {
    const path = new URL(`../deploy/grafana/${file}`, import.meta.url);
    writeFileSync(path, dashboardText(content));
  }
}
