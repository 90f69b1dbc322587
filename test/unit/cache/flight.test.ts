import { describe, expect, test } from 'vitest';
import { type Flight, FlightTable } from '../../../src/cache/flight.ts';
import { type Asking, makeQuery } from '../../helpers/cache-fixture.ts';

/** A table with a list of what was started. */
function makeTable(maxWaiting = 100, maxPerFlight = 50) {
  const table = new FlightTable<string>({ maxWaiting, maxPerFlight });
  const started: Flight<string>[] = [];
  const got: string[] = [];
  const board = (asking: Asking) =>
    table.board(
      makeQuery(asking),
      (result) => got.push(result),
      (flight) => started.push(flight),
    );
  return { table, started, got, board };
}

describe('questions the upstream cannot tell apart', () => {
  test('share one flight, and all get what it brings', () => {
    const { table, started, got, board } = makeTable();
    for (const name of ['a.test', 'A.TEST', 'a.test']) expect(board({ name })).toBeNull();
    expect(started).toHaveLength(1);
    expect(table.waiting).toBe(3);
    table.land(started[0], 'x');
    expect(got).toEqual(['x', 'x', 'x']);
    expect(table.waiting).toBe(0);
  });

  test('fly again after the landing', () => {
    const { table, started, board } = makeTable();
    board({ name: 'a.test' });
    table.land(started[0], 'x');
    board({ name: 'a.test' });
    expect(started).toHaveLength(2);
  });

  test('may be answered at once', () => {
    const table = new FlightTable<string>({ maxWaiting: 1, maxPerFlight: 1 });
    const got: string[] = [];
    for (const result of ['x', 'y']) {
      const query = makeQuery({ name: 'a.test' });
      table.board(
        query,
        (landed) => got.push(landed),
        (flight) => table.land(flight, result),
      );
    }
    expect(got).toEqual(['x', 'y']);
  });
});

test.each<[string, Asking]>([
  ['name', { name: 'b.test' }],
  ['type', { name: 'a.test', type: 'AAAA' }],
  ['DO bit', { name: 'a.test', do: true }],
  ['CD bit', { name: 'a.test', cd: true }],
  ['AD bit', { name: 'a.test', ad: true }],
  ['RD bit', { name: 'a.test', rd: false }],
  ['transport', { name: 'a.test', transport: 'tcp' }],
  ['EDNS', { name: 'a.test', edns: 512 }],
])('another %s flies alone', (_, asking) => {
  const { started, board } = makeTable();
  board({ name: 'a.test' });
  board(asking);
  expect(started).toHaveLength(2);
});

test('another EDNS size or option flies alone', () => {
  const { started, board } = makeTable();
  const cookie = (octets: string) => [{ code: 10, data: Buffer.from(octets) }] as never;
  board({ name: 'a.test', edns: 512 });
  board({ name: 'a.test', edns: 1232 });
  board({ name: 'a.test', edns: 1232, options: cookie('01234567') });
  board({ name: 'a.test', edns: 1232, options: cookie('76543210') });
  expect(started).toHaveLength(4);
});

test('more than the table holds are turned away, and room comes back', () => {
  const { table, started, board } = makeTable(3);
  board({ name: 'a.test' });
  board({ name: 'a.test' });
  board({ name: 'b.test' });
  expect(board({ name: 'a.test' })).toBe('upstream');
  expect(board({ name: 'c.test' })).toBe('upstream');
  table.land(started[0], 'x');
  expect(board({ name: 'c.test' })).toBeNull();
  expect(board({ name: 'd.test' })).toBeNull();
  expect(board({ name: 'e.test' })).toBe('upstream');
});

test('a full flight turns away those that would join it, and nobody else', () => {
  const { board } = makeTable(100, 2);
  board({ name: 'a.test' });
  board({ name: 'a.test' });
  expect(board({ name: 'a.test' })).toBe('question');
  expect(board({ name: 'b.test' })).toBeNull();
});

test('a client that holds much is turned away before one that holds little', () => {
  const { board } = makeTable(100);
  let boarded = 0;
  while (board({ name: `n${boarded}.test` }) === null) boarded++;
  expect(boarded).toBe(80);
  expect(board({ name: 'other.test', client: '10.0.0.10' })).toBeNull();
});

test('a start that throws leaves nobody waiting', () => {
  const { table, started, board } = makeTable();
  const throwing = () =>
    table.board(
      makeQuery({ name: 'a.test' }),
      () => {},
      () => {
        throw new Error('broken stage');
      },
    );
  expect(throwing).toThrow('broken stage');
  expect(table.waiting).toBe(0);
  board({ name: 'a.test' });
  expect(started).toHaveLength(1);
});
