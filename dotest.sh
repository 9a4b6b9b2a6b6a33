#!/usr/bin/env bash
# Runs a test of a part, shows what its servers say, and opens the timeline: see --help.
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" >/dev/null && pwd) || exit
sh "$root/scripts/install.sh" || exit
exec node "$root/tools/bin/dotest.js" "$@"
