#!/usr/bin/env bash
# Builds and installs pgvector for the PostgreSQL on this machine (Debian 12 packages none). Does nothing when it is there.
set -euo pipefail
version=$(pg_config --version | grep -oE '[0-9]+' | head -1)
[ -f "$(pg_config --sharedir)/extension/vector.control" ] && exit 0
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
list=/etc/apt/sources.list.d/atrium-pgvector.list
# The mirror that this machine already uses, with the source packages of the suite that has pgvector.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -E '^(deb|URIs:)' | grep -oE 'https?://[^ ]+/debian/?$|https?://[^ ]+/debian ' | sed -n 1p || true)
mirror=${mirror:-http://deb.debian.org/debian}
echo "deb-src ${mirror} trixie main" | $sudo tee "$list" >/dev/null
$sudo apt-get update -qq
$sudo apt-get install -y -qq "postgresql-server-dev-$version" make gcc >/dev/null
(cd "$dir" && apt-get source -qq --download-only pgvector && mkdir src && tar -xf pgvector_*.orig.tar.gz -C src --strip-components=1)
$sudo rm -f "$list"
make -s -C "$dir/src" OPTFLAGS="" >/dev/null
$sudo make -s -C "$dir/src" install >/dev/null
echo "pgvector $(grep default_version "$dir/src/vector.control" | grep -oE '[0-9.]+') is installed for PostgreSQL $version"
