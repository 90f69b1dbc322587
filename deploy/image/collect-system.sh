#!/bin/sh
# Lays out the part of the image that comes from Debian: what Node.js links to, both backends of
# iptables, nft, and a shell to look around with. Wants Debian 12 with package lists.
#
#   collect-system.sh DESTINATION
set -eu
destination=$1
packages='libc6 libstdc++6 libgcc-s1 gcc-12-base
  iptables libip4tc2 libip6tc2 libxtables12 libmnl0 libnetfilter-conntrack3 libnfnetlink0 libnftnl11
  nftables libnftables1 libjansson4 libgmp10 libedit2 libbsd0 libmd0 libtinfo6
  busybox-static'

# Readable for the user that apt downloads as.
download=$(mktemp -d)
chmod 755 "$download"
mkdir -p "$destination/var/lib/dpkg/status.d"
(cd "$download" && apt-get download -qq $packages)
for package in "$download"/*.deb; do
  dpkg-deb --extract "$package" "$destination"
  # Scanners for known vulnerabilities look here for what is installed.
  dpkg-deb --field "$package" > "$destination/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)"
done
rm -r "$download"

cd "$destination"
# Licences stay; conversions of characters, manuals and translations are of no use here.
find usr/share -mindepth 1 -maxdepth 1 ! -name doc -exec rm -r {} +
find usr/share/doc -mindepth 2 ! -type d ! -name copyright -delete
rm -rf usr/lib/*/gconv usr/lib/*/audit

# What the packages' scripts would have set up.
for program in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s "xtables-nft-multi" "usr/sbin/$program"
done
for program in sh cat ls ps ip nslookup wget; do ln -s busybox "bin/$program"; done
mkdir -p usr/bin etc tmp run proc sys dev
ln -s ../../bin/busybox usr/bin/env
chmod 1777 tmp
echo 'root:x:0:0:root:/:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
