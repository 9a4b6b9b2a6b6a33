#!/usr/bin/env bash
# Runs a test of a part, shows what its servers say, and opens the timeline: see --help.
root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")") || exit
sh "$root/scripts/install.sh" || exit
exec node "$root/tools/bin/dotest.js" "$@"
