#!/usr/bin/env bash
# Installs the missing ones of the named commands from Debian's packages; as root, or with sudo. A package has
# the name of its command, but for tclsh.
set -eu
missing=""
for tool in "$@"; do
  command -v "$tool" > /dev/null || missing="$missing ${tool/#tclsh/tcl}"
done
[ -n "$missing" ] || exit 0
echo "installing$missing"
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
if ! command -v apt-get > /dev/null; then
  echo "error: missing$missing, and there is no apt-get; install them and try again" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends $missing
