/** A network namespace of its own for a bench. */
import { spawnSync } from 'node:child_process';

/** Set in the environment of the process that runs in the namespace. */
const IN_NAMESPACE = 'NODELOCALDNS_BENCH_NAMESPACE';

/**
 * As root a bench runs in a network namespace of its own, in which no rules of the host (those of
 * kube-proxy, Docker, or tests) look at the packets: this program once more, which sets the exit code.
 * False when the work is left to this process.
 */
export function movesToNamespace(): boolean {
  if (process.getuid?.() !== 0 || process.env[IN_NAMESPACE] !== undefined) return false;
  const command = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];
  const { status, error } = spawnSync(command[0], [...command.slice(1), ...process.argv], {
    stdio: 'inherit',
    env: { ...process.env, [IN_NAMESPACE]: 'yes' },
  });
  if (error !== undefined) return false;
  process.exitCode = status ?? 1;
  return true;
}
