import type { Command } from '../command.ts';
import { FLAG_DEFINITIONS } from '../flag-definitions.ts';

/** `completion`: a script that completes our command lines in bash; `commands` are all of them. */
export const createCompletion = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  summary: 'a script that completes command lines in bash',
  parameters: '[bash]',
  count: { min: 0, max: 1 },
  options: [],
  help: 'Writes a script for bash. It completes commands, their options, and the daemon’s flags.',
  examples: [['completion > /etc/bash_completion.d/nodelocaldns', 'for all users of this machine']],
  async run(_words, modules) {
    modules.write(completionScript(commands()));
    return 0;
  },
});

function completionScript(commands: readonly Command[]): string {
  const flags = FLAG_DEFINITIONS.map(({ name }) => `-${name}`).join(' ');
  const names = [...commands.map(({ name }) => name), 'demo', 'help'].join(' ');
  const cases = commands.map(({ name, options, takesDaemonFlags }) => {
    const own = options.map((option) => `--${option.name}`).join(' ');
    return `    ${name}) words="${own}${takesDaemonFlags ? ' $flags' : ''}" ;;\n`;
  });
  return `# bash completion for nodelocaldns
_nodelocaldns() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  local flags="${flags}"
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    case "$current" in
    -*) words="$flags" ;;
    *) words="${names}" ;;
    esac
  else
    case "\${COMP_WORDS[1]}" in
    help) words="${names}" ;;
    -*) words="$flags" ;;
${cases.join('')}    esac
    case "\${COMP_WORDS[1]} $current" in
    check-config\\ [^-]* | "check-config ") COMPREPLY=($(compgen -f -- "$current")) ;;
    esac
  fi
  COMPREPLY+=($(compgen -W "$words" -- "$current"))
}
complete -F _nodelocaldns nodelocaldns node-cache
`;
}
