import { runProgram } from './cli/program.ts';
import { createProgram } from './daemon/program.ts';

runProgram(process.argv.slice(2), createProgram()).then((code) => {
  if (code !== null) process.exitCode = code;
});
