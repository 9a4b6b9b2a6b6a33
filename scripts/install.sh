#!/bin/sh
# Installs what is missing, and nothing when nothing is: pnpm keeps beside the packages
# a copy of the lockfile that they were installed from, and this a list of what was there.
cd "$(dirname "$0")/.." || exit 1

# Asked before all else: what needs a newer one ends in a stack trace on an older one.
version=$(node --version 2>/dev/null) || version=none
number=${version#v}
minor=${number#*.}
if [ $((${number%%.*} * 1000 + ${minor%%.*})) -lt 20019 ]; then
  echo "Node 20.19 or later is needed (found: $version). Install one from nodejs.org." >&2
  exit 1
fi

# A copy that only points to another's packages, as tests make one, must not change them.
[ -L node_modules ] && exit 0

packages() {
  LC_ALL=C ls node_modules node_modules/@* node_modules/.pnpm/*/node_modules \
    ./*/node_modules ./*/node_modules/@* 2>/dev/null
}
cmp -s pnpm-lock.yaml node_modules/.pnpm/lock.yaml &&
  packages | cmp -s - node_modules/.packages && exit 0
echo 'Installing the packages that the lockfile names (once) …' >&2
# With a terminal it would ask before it replaces packages, and hold up whoever else installs.
npx --yes --package=pnpm@10 -- pnpm install --frozen-lockfile --reporter=append-only \
  --config.confirm-modules-purge=false >&2 || exit
packages >node_modules/.packages
