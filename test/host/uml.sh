#!/bin/bash
# Runs the host tests once more inside a Linux kernel of its own (user-mode-linux), which has the
# dummy driver and legacy iptables only. The file system is seen read-only; /tmp and /run are fresh.
#   test/host/uml.sh REPORT [TEST...]      REPORT: where vitest's JSON report goes
# Without TEST: the road through the daemon. This kernel is ten times slower than the machine's, and
# what the other files test does not depend on the driver.
# Exits with vitest's status; 125 when the kernel did not come to an end.
set -euo pipefail
report=${1:?usage: uml.sh REPORT [TEST...]}
shift
[ $# -gt 0 ] || set -- test/host/cluster.test.ts
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The kernel cannot load modules by itself: /lib/modules has none for it.
modules="dummy ifb tun veth nf_conntrack nf_conntrack_netlink ip_tables iptable_raw iptable_filter
  iptable_nat iptable_mangle ip6_tables ip6table_raw ip6table_filter ip6table_nat ip6table_mangle
  xt_addrtype xt_comment xt_conntrack xt_CT xt_nat xt_statistic xt_tcpudp nf_nat"

cat > "$work/init" <<INIT
#!/bin/bash
export PATH=$root/node_modules/.bin:$PATH HOME=/tmp CI=1 VITEST_CACHE=/tmp/vitest
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/kmod/lib
ln -s /usr/lib/uml/modules /run/kmod/lib/modules
mount -t hostfs none -o $work /mnt
mount -t tmpfs tmp /tmp
for module in $(echo $modules); do modprobe -d /run/kmod \$module || echo "no module \$module"; done
ip link set lo up
cd $root
echo @@begin
vitest run --config vitest.host.config.ts --configLoader=native --reporter=default --reporter=json \
  --outputFile.json=/tmp/report.json $* < /dev/null
echo \$? > /mnt/status
cp /tmp/report.json /mnt/report.json
echo o > /proc/sysrq-trigger
sleep 5
INIT
chmod +x "$work/init"

# Output goes through a file: the kernel's own messages stand before the mark.
timeout "${UML_SECONDS:-300}" linux.uml mem="${UML_MEM:-1024M}" rootfstype=hostfs root=/dev/root \
  rootflags=/ ro init="$work/init" con=null con0=null,fd:1 ssl=null quiet \
  < /dev/null > "$work/out" 2> /dev/null || true
sed '1,/^@@begin/d; /^sysrq: Power Off/d; /^reboot:/d' "$work/out"
[ -e "$work/report.json" ] && cp "$work/report.json" "$report"
[ -e "$work/status" ] || cat "$work/out"
exit "$(cat "$work/status" 2> /dev/null || echo 125)"
