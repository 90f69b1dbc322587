import { runProgram } from './cli/program.ts';
import { createProgram } from './daemon/program.ts';

const code = await runProgram(process.argv.slice(2), createProgram());
if (code !== null) process.exitCode = code;
