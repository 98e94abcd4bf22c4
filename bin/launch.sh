# Read by the scripts beside it, which set `self` to their path. Plain POSIX shell; an installed Fairlead starts no
# other program here, because `fairlead --help` must be as quick as Node itself.

root=$(CDPATH='' cd -P -- "${self%/*}/.." && pwd -P) || exit 1

# launch SCRIPT [ARGUMENT…]: becomes the pinned Node, searched for as Node resolves packages (own node_modules, then
# upward), otherwise a new enough one on PATH. A pinned one is used only if its loader exists: one of another platform or
# C library is skipped instead of failing.
launch() {
  if [ -d "$root/src" ] && [ ! -d "$root/node_modules" ]; then
    echo "fairlead: its packages are not installed: run \`npm ci\` in $root" >&2
    exit 1
  fi
  at=$root
  why="its own Node is not installed (there is none for this system, or npm ran with --omit=optional)"
  while :; do
    for pair in linux-x64:/lib64/ld-linux-x86-64.so.2 linux-arm64:/lib/ld-linux-aarch64.so.1 darwin-x64:/usr/lib/dyld; do
      node=$at/node_modules/node-${pair%%:*}/bin/node
      [ -x "$node" ] || continue
      if [ -e "${pair#*:}" ]; then exec "$node" "$@"; fi
      why="its own Node cannot run here, because ${pair#*:} is missing"
    done
    [ -n "$at" ] || break
    at=${at%/*}
  done
  version=$(node --version 2>/dev/null) || version="no Node"
  if new_enough "$version"; then exec node "$@"; fi
  echo "fairlead: $why, and PATH has $version: install Node 24.15 or newer" >&2
  exit 1
}

# 24.15 is the first 24.x in which type stripping and node:sqlite work without a flag and without a warning.
new_enough() {
  case $1 in v[0-9]*.[0-9]*.[0-9]*) ;; *) return 1 ;; esac
  major=${1#v}
  minor=${major#*.}
  major=${major%%.*}
  minor=${minor%%.*}
  [ "$major" -gt 24 ] || { [ "$major" -eq 24 ] && [ "$minor" -ge 15 ]; }
}
