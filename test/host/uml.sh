#!/bin/bash
# Runs the host tests once more inside Linux kernels of their own (user-mode-linux), which have the
# dummy driver and legacy iptables only. The file system is seen read-only; /tmp and /run are fresh.
#   test/host/uml.sh REPORT [TEST...]      REPORT: where the sums of vitest's JSON reports go
# Without TEST: all that NOT_HERE does not name, in two kernels beside each other, each of which has
# one processor, several times slower than the machine's: the waits grow and the loads shrink by
# HOST_TEST_SLOWNESS (test/host/harness/command.ts).
# Exits with vitest's status; 125 when a kernel did not come to an end.
set -euo pipefail
report=${1:?usage: uml.sh REPORT [TEST...]}
shift
# What this kernel cannot do, what would take it minutes though it depends neither on the driver nor
# on the iptables, and what is not reliable in it: tests skip with isUml, files are left out below.
NOT_HERE="lease: TUN devices (another driver, the same as outside); deaf listeners, a hung loop and SIGTERM
  (the process alone)
repair: nftables and the iptables that is not used (no nf_tables here); the rest for its length: name the
  file to try it
repair-under-load: one round each, without bounds in time; tables that are deleted (the old iptables
  cannot)
nftables: no nf_tables here
segments, address-renewal: for their length; name the files to try them
dual-stack: upstreams, health, metrics (sockets alone)
stopping: one stop and start at 33 queries/s instead of twenty at 1,000; the process alone (hang, errors,
  signals at the start)
replacement: with one processor for two daemons and a load the lease lapses while the second one starts
commands, least-privilege, without-koffi: programs that read what others have set"
if [ $# -gt 0 ]; then
  shares=("$*")
else
  shares=(
    "test/host/cluster.test.ts test/host/dual-stack.test.ts"
    "test/host/lease.test.ts test/host/repair-under-load.test.ts test/host/stopping.test.ts"
  )
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
# Beside the packages that it loads.
driver=$(mktemp "$root/node_modules/.host-driver-XXXXXX.mjs")
trap 'rm -rf "$work" "$driver"' EXIT
"$root/node_modules/.bin/esbuild" "$root/test/host/harness/driver.ts" --bundle --platform=node \
  --format=esm --packages=external --log-level=error --outfile="$driver" --allow-overwrite

# The kernel cannot load modules by itself: /lib/modules has none for it.
modules="dummy ifb tun veth nf_conntrack nf_conntrack_netlink ip_tables iptable_raw iptable_filter
  iptable_nat iptable_mangle ip6_tables ip6table_raw ip6table_filter ip6table_nat ip6table_mangle
  xt_addrtype xt_comment xt_conntrack xt_CT xt_nat xt_statistic xt_tcpudp nf_nat"

# Runs the tests $2 in a kernel, with $1 as its folder.
run_kernel() {
  mkdir "$1"
  cat > "$1/init" <<INIT
#!/bin/bash
export PATH=$root/node_modules/.bin:$PATH HOME=/tmp CI=1 VITEST_CACHE=/tmp/vitest
export HOST_TEST_DRIVER=$driver HOST_TEST_SLOWNESS=${HOST_TEST_SLOWNESS:-3}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/kmod/lib
ln -s /usr/lib/uml/modules /run/kmod/lib/modules
mount -t hostfs none -o $1 /mnt
# The sources may lie below /tmp themselves.
mkdir /run/root
mount --bind $root /run/root
mount -t tmpfs tmp /tmp
[ -d $root ] || { mkdir -p $root && mount --bind /run/root $root; }
for module in $(echo $modules); do modprobe -d /run/kmod \$module || echo "no module \$module"; done
ip link set lo up
cd $root
echo @@begin
vitest run --config vitest.host.config.ts --configLoader=native --no-isolate --reporter=default \
  --reporter=json --outputFile.json=/tmp/report.json $2 < /dev/null
echo \$? > /mnt/status
cp /tmp/report.json /mnt/report.json
echo o > /proc/sysrq-trigger
sleep 5
INIT
  chmod +x "$1/init"
  # Output goes through a file: the kernel's own messages stand before the mark.
  timeout "${UML_SECONDS:-720}" linux.uml mem="${UML_MEM:-1024M}" rootfstype=hostfs root=/dev/root \
    rootflags=/ ro init="$1/init" con=null con0=null,fd:1 ssl=null quiet \
    < /dev/null > "$1/out" 2> /dev/null || true
}

for i in "${!shares[@]}"; do run_kernel "$work/$i" "${shares[$i]}" & done
wait

status=0
for i in "${!shares[@]}"; do
  sed '1,/^@@begin/d; /^sysrq: Power Off/d; /^reboot:/d' "$work/$i/out"
  [ -e "$work/$i/status" ] || cat "$work/$i/out"
  ended=$(cat "$work/$i/status" 2> /dev/null || echo 125)
  [ "$ended" = 0 ] || status=$ended
done

echo "Not run in this kernel:"
echo "$NOT_HERE"

# One report of the sums. Without it, a kernel that did not end is a failure of the whole.
"$root/node_modules/.bin/node" - "$report" "$work"/*/report.json <<'SUM'
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const [report, ...paths] = process.argv.slice(2);
const sums = {};
// A kernel that did not come to an end has none.
for (const path of paths.filter((path) => existsSync(path))) {
  for (const [key, value] of Object.entries(JSON.parse(readFileSync(path, 'utf8')))) {
    if (typeof value === 'number') sums[key] = (sums[key] ?? 0) + value;
    else if (key === 'testResults') sums[key] = [...(sums[key] ?? []), ...value];
  }
}
writeFileSync(report, JSON.stringify(sums));
SUM
exit "$status"
