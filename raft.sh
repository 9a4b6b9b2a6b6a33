#!/usr/bin/env bash
# Runs a server of a part, or asks one: ./raft.sh PART VERB …, see ./raft.sh part4 --help.
root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")") || exit
part=${1:-}
usage="usage: ./raft.sh PART VERB …, where PART is part4 or a later one (./raft.sh part4 --help says more)"
if [[ $part == --help || $part == -h ]]; then
  echo "$usage"
  exit
fi
if [[ ! $part =~ ^part[0-9]+$ || ! -f $root/$part/src/main.ts ]]; then
  echo "$usage" >&2
  exit 2
fi
sh "$root/scripts/install.sh" || exit
# Most of what a request leaves behind is garbage at once: room for it to be collected seldom.
exec node --max-semi-space-size=64 --import "$root/node_modules/tsx/dist/loader.mjs" "$root/$part/src/main.ts" "${@:2}"
