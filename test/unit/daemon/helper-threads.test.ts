/** In a process of its own: priorities of threads are for good. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
const MODULE = new URL('../../../src/daemon/helper-threads.ts', import.meta.url).href;

/** Gives the niceness of each thread (proc_pid_stat(5), field 19), by its name. */
const PROGRAM = `
import { readdirSync, readFileSync } from 'node:fs';
import { putHelpersBehind } from '${MODULE}';
putHelpersBehind();
const threads = readdirSync('/proc/self/task').map((task) => {
  const stat = readFileSync('/proc/self/task/' + task + '/stat', 'latin1');
  const niceness = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  return [readFileSync('/proc/self/task/' + task + '/comm', 'latin1').trim(), niceness];
});
console.log(JSON.stringify(threads));
`;

test("V8's threads stand behind the one that answers, and no other does", () => {
  const { stdout, stderr } = spawnSync(NODE, ['--input-type=module', '-e', PROGRAM], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const threads: [string, number][] = JSON.parse(stdout);
  const [own] = threads[0].slice(1);
  const helpers = threads.filter(([name]) => name === 'V8Worker');
  expect(helpers.length).toBeGreaterThan(0);
  expect(helpers.every(([, niceness]) => niceness === 10)).toBe(true);
  expect(threads.filter(([name]) => name !== 'V8Worker').every(([, it]) => it === own)).toBe(true);
});
