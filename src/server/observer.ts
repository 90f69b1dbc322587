/** Someone who looks at what is asked and what is answered. */
import type { Query } from '../dns/query.ts';
import type { QueryView } from '../dns/query-view.ts';
import type { Door } from './door.ts';

/** Called for every query that a zone serves, so it is to return soon. Must not throw. */
export interface QueryObserver {
  /** A query was answered from the cache. View and door are valid until it returns. */
  hit(view: QueryView, rcode: number, door: Door): void;
  /** A query that did not lie ready in the cache has its outcome. */
  miss(query: Query, rcode: number): void;
}
