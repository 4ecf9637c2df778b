#!/usr/bin/env bash
# Gets what the browser suite needs: Debian's chromium, unless a browser is there. MILLRACE_CHROMIUM names another one.
set -euo pipefail
browser=${MILLRACE_CHROMIUM:-/usr/bin/chromium}
if [ -x "$browser" ]; then
  echo "browser: $browser"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "browser: there is no $browser and no apt-get here; install Chromium and name it in MILLRACE_CHROMIUM" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
[ -x "$browser" ]
echo "browser: $browser"
