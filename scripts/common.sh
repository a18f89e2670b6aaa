# shellcheck shell=bash disable=SC2034
# What the scripts beside this file share. Sourced, never run.
# Needs: `set -euo pipefail` in the script that sources it.

# The root of the checkout; every script works from any folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Tools that are built once and kept between checkouts.
tools=${SALLYPORT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}

say() { printf '== %s\n' "$*" >&2; }
fail() { printf '\nerror: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# step NAME COMMAND...: runs COMMAND without standard input, prints NAME, how long it took and how it ended.
step() {
  local name=$1 began=$SECONDS status=0
  shift
  say "$name"
  "$@" </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    fail "'$name' failed after $((SECONDS - began)) s (status $status)"
  fi
  say "$name: done in $((SECONDS - began)) s"
}

# as_root COMMAND...: as it is for root, through sudo for others.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo "$@"
  else
    return 77
  fi
}

# apt_install PACKAGE...: installs Debian packages, or says which ones a person with the right to do so must install.
apt_install() {
  [ $# -gt 0 ] || return 0
  has apt-get || fail "missing, and this is not a Debian system: install the equivalents of: $*"
  say "installing: $*"
  local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
  as_root true || fail "missing packages, and no right to install them. As root, run: apt-get install $*"
  local log
  log=$(mktemp)
  { as_root "${quiet[@]}" update && as_root "${quiet[@]}" install -y --no-install-recommends "$@"; } \
    </dev/null >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; fail "apt-get could not install: $*"; }
  rm -f "$log"
}

# Prints the folder of the newest PostgreSQL's programs, or nothing.
postgres_bin() {
  if has initdb && has postgres; then dirname "$(readlink -f "$(command -v postgres)")"; return; fi
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  if [ -x "$newest" ]; then dirname "$newest"; fi
}
