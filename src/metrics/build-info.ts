/** Which build answers: dashboards list nodes by this metric. */
import type { Catalogue } from './catalogue.ts';

export interface BuildInfo {
  /** Of this program: `1.0.0`. */
  readonly version: string;
  /** The commit it was built from; '' when that is unknown. */
  readonly revision: string;
}

/** The label says goversion, as dashboards know it; the runtime here is Node.js. */
export function showBuildInfo(catalogue: Catalogue, { version, revision }: BuildInfo): void {
  const goversion = `node${process.versions.node}`;
  catalogue.source('coredns_build_info', (emit) => emit({ version, revision, goversion }, 1));
}
