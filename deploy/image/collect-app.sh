#!/bin/sh
# Lays out the part of the image that is ours, from a tree after `npm ci` and `npm run build`: the
# bundle, the two packages with native parts, the runtime, the manifests for `render`, licences.
#
#   collect-app.sh DESTINATION [NODE]
set -eu
destination=$1
node=${2:-$(node -p process.execPath)}
cd "$(dirname "$0")/../.."
lib=$destination/usr/lib/nodelocaldns
documents=$destination/usr/share/doc/nodelocaldns
platform=$("$node" -p '`${process.platform}-${process.arch}`')

mkdir -p "$lib/node_modules" "$lib/dist" "$documents" "$destination/usr/bin"
cp dist/nodelocaldns.js dist/program.js dist/program.cache dist/package.json "$lib/dist/"
cp package.json "$lib/"
mkdir -p "$lib/deploy"
cp -r deploy/base deploy/manifests "$lib/deploy/"

copy_package() { # NAME FILE…
  name=$1
  shift
  mkdir -p "$lib/node_modules/$name"
  for file in package.json "$@"; do
    (cd "node_modules/$name" && cp -r --parents "$file" "$lib/node_modules/$name/")
  done
}
copy_package "@koromix/koffi-$platform" index.js "$(echo "$platform" | tr - _)"
copy_package netlink dist/raw.js "prebuilds/$platform" LICENSE
copy_package node-gyp-build index.js node-gyp-build.js LICENSE

# Symbols for debuggers are a seventh of the file; profiles of JavaScript do not need them.
cp "$node" "$destination/usr/bin/node"
strip --strip-all "$destination/usr/bin/node" 2>/dev/null || echo 'no strip here: node stays as it is' >&2

cp LICENSE "$documents/LICENSE"
for package in koffi dns-packet @leichtgewicht/ip-codec lru-cache prom-client tdigest bintrees; do
  cp node_modules/$package/LICENSE* "$documents/LICENSE.$(basename "$package")"
done
# The runtime's own, where the node image has it.
[ ! -e "$(dirname "$node")/../LICENSE" ] || cp "$(dirname "$node")/../LICENSE" "$documents/LICENSE.node"

# The stock manifest names no command: it relies on the first path. The second is for kubectl exec.
for link in node-cache usr/bin/nodelocaldns; do
  ln -s /usr/lib/nodelocaldns/dist/nodelocaldns.js "$destination/$link"
done
