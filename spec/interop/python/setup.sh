#!/usr/bin/env bash
# Makes ready the server that stands in for S3 and CloudWatch and was not written by us: moto, from PyPI, pinned with all that
# it needs, in a virtual environment below node_modules/.cache/millrace-interop. What is there already is left alone. Python
# 3.9 or newer, with its venv module, is installed by apt-get when it is missing, which needs root or sudo.
#
#   bash spec/interop/python/setup.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export LC_ALL=C
exec </dev/null

cache=../../../node_modules/.cache/millrace-interop
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
place=$cache/moto
log=$cache/moto.log
stamp=$(cat setup.sh requirements.txt | sha256sum)

main() {
  # Two runs at once: the second one finds done what the first one did.
  exec 9>"$cache/moto.lock"
  if command -v flock >/dev/null; then flock 9; fi
  if [ "$(cat "$place/stamp" 2>/dev/null)" = "$stamp" ]; then return 0; fi
  rm -rf "$place"
  if ! make_place; then
    echo "installing python3-venv" >&2
    persistently as_root apt-get -qq update || true
    persistently as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
      -o DPkg::Lock::Timeout=300 install python3 python3-venv
    make_place
  fi
  persistently "$place/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements.txt
  printf '%s\n' "$stamp" >"$place/stamp"
}

make_place() {
  command -v python3 >/dev/null && python3 -m venv "$place" >"$log" 2>&1
}

# persistently COMMAND...: again after a while, since the network may fail for a moment; shows the end of what it printed.
persistently() {
  local attempt
  for attempt in 1 2 3; do
    if "$@" >"$log" 2>&1; then return 0; fi
    echo "failed (attempt $attempt): $1" >&2
    sleep $((attempt * 5))
  done
  tail -n 40 "$log" >&2
  return 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

main
