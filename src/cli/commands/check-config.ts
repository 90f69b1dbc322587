import { type Command, JSON_OPTION } from '../command.ts';

/** `check-config FILE`: whether a Corefile would be taken. */
export const checkConfig: Command = {
  name: 'check-config',
  summary: 'whether a Corefile would be taken, and what is wrong with it',
  parameters: 'FILE',
  count: { min: 1, max: 1 },
  options: [JSON_OPTION],
  takesDaemonFlags: true,
  help: 'Reads a Corefile as the daemon would, files that it imports included, and names all faults with\nfile, line and column. A template (Corefile.base) is filled in first, with the values of the\ndaemon’s flags and of the environment. Needs no running daemon. Exit status 1: it would be refused.',
  examples: [
    ['check-config /etc/coredns/Corefile', 'a Corefile'],
    ['check-config -localip 169.254.20.10,10.96.0.10 Corefile.base', 'a template'],
  ],
  async run(words, modules) {
    const [path] = words.parameters;
    const { faults, warnings, served } = await modules.checkCorefile(path, words.daemonFlags);
    const isGood = faults.length === 0;
    if (words.isSet('json')) {
      const list = faults.map(({ code, message, at }) => ({
        ...{ code, message },
        ...{ file: at?.file ?? path, line: at?.line ?? null, column: at?.column ?? null },
      }));
      modules.write(`${JSON.stringify({ isGood, faults: list, warnings, served }, null, 2)}\n`);
    } else {
      for (const { message } of faults) modules.write(`${message}\n`);
      for (const warning of warnings) modules.write(`warning: ${warning}\n`);
      if (isGood) modules.write(`${path} is good; it serves\n${served.map(indent).join('')}`);
    }
    return isGood ? 0 : 1;
  },
};

function indent(line: string): string {
  return `  ${line}\n`;
}
