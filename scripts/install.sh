#!/bin/sh
# Installs what is missing, and nothing when nothing is: pnpm keeps beside the packages
# a copy of the lockfile that they were installed from.
cd "$(dirname "$0")/.." || exit 1
cmp -s pnpm-lock.yaml node_modules/.pnpm/lock.yaml && exit 0
echo 'Installing the packages that the lockfile names (once) …' >&2
npx --yes pnpm@10 install --frozen-lockfile --reporter=append-only >&2
