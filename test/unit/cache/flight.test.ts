import { describe, expect, test } from 'vitest';
import { FlightTable } from '../../../src/cache/flight.ts';
import { type Asking, makeQuery } from '../../helpers/cache-fixture.ts';

/** A table with a list of what was started. */
function makeTable(maxWaiting = 100) {
  const table = new FlightTable<string>({ maxWaiting });
  const started: ((result: string) => void)[] = [];
  const got: string[] = [];
  const board = (asking: Asking) =>
    table.board(
      makeQuery(asking),
      (result) => got.push(result),
      (land) => started.push(land),
    );
  return { table, started, got, board };
}

describe('questions the upstream cannot tell apart', () => {
  test('share one flight, and all get what it brings', () => {
    const { table, started, got, board } = makeTable();
    for (const name of ['a.test', 'A.TEST', 'a.test']) expect(board({ name })).toBe(true);
    expect(started).toHaveLength(1);
    expect(table.waiting).toBe(3);
    started[0]('x');
    expect(got).toEqual(['x', 'x', 'x']);
    expect(table.waiting).toBe(0);
  });

  test('fly again after the landing', () => {
    const { started, board } = makeTable();
    board({ name: 'a.test' });
    started[0]('x');
    board({ name: 'a.test' });
    expect(started).toHaveLength(2);
  });

  test('may be answered at once', () => {
    const table = new FlightTable<string>({ maxWaiting: 1 });
    const got: string[] = [];
    for (const result of ['x', 'y']) {
      const query = makeQuery({ name: 'a.test' });
      table.board(
        query,
        (landed) => got.push(landed),
        (land) => land(result),
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
  const { started, board } = makeTable(3);
  board({ name: 'a.test' });
  board({ name: 'a.test' });
  board({ name: 'b.test' });
  expect(board({ name: 'a.test' })).toBe(false);
  expect(board({ name: 'c.test' })).toBe(false);
  started[0]('x');
  expect(board({ name: 'c.test' })).toBe(true);
  expect(board({ name: 'd.test' })).toBe(true);
  expect(board({ name: 'e.test' })).toBe(false);
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
