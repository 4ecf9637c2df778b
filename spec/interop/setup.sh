#!/usr/bin/env bash
# Makes ready what the interoperability tests need: a JDK, Maven, and the Java worker built once for each version of KCL
# below node_modules/.cache/millrace-interop. What is there already is left alone; a second run takes no time. A JDK 17 (or
# a newer LTS where 17 is not offered) and Maven are installed by apt-get when they are missing, which needs root or sudo.
# Every jar must have the SHA-256 that is written down beside the pom before anything of it is run.
#
#   bash spec/interop/setup.sh            install and build what is missing
#   bash spec/interop/setup.sh --record   write the checksums down anew, after a change of version
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/java"
export LC_ALL=C
exec </dev/null

versions=(3.5.1 3.1.3)
oldest_java=17
jdks=(openjdk-17-jdk-headless openjdk-21-jdk-headless openjdk-25-jdk-headless)
attempts=3
cache=../../../node_modules/.cache/millrace-interop
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

main() {
  # Two runs at once: the second one finds done what the first one did.
  exec 9>"$cache/lock"
  if command -v flock >/dev/null; then flock 9; fi
  rm -rf "$cache"/build.*
  work=$(mktemp -d "$cache/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  need_jdk
  local version
  for version in "${versions[@]}"; do
    if [ "${1:-}" = --record ]; then record "$version"; fi
    if ! is_built "$version"; then build "$version"; fi
  done
}

say() { echo "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# quietly COMMAND...: shows the end of its output when it fails, and nothing else.
quietly() {
  if "$@" >"$work/log" 2>&1; then return 0; fi
  tail -n 40 "$work/log" >&2
  say "failed: $*"
  return 1
}

# persistently COMMAND...: quietly, and again after a while: the network may fail for a moment.
persistently() {
  local attempt
  for ((attempt = 1; attempt < attempts; attempt += 1)); do
    if "$@" >"$work/log" 2>&1; then return 0; fi
    say "failed, trying again in $((attempt * 5)) s: $1"
    sleep $((attempt * 5))
  done
  quietly "$@"
}

# is_new_enough TOOL: whether this Java program says that it is 17 or newer.
is_new_enough() {
  command -v "$1" >/dev/null || return 1
  local said
  said=$("$1" -version 2>&1) || return 1
  [[ $said =~ (version \"|javac )([0-9]+) ]] && [ "${BASH_REMATCH[2]}" -ge "$oldest_java" ]
}

need_jdk() {
  if is_new_enough java && is_new_enough javac; then return 0; fi
  install_package "${jdks[@]}"
  hash -r
  # Java trusts a store of its own, which is made before it is told of this machine's own authorities.
  if command -v update-ca-certificates >/dev/null; then quietly as_root update-ca-certificates --fresh || true; fi
  if is_new_enough java && is_new_enough javac; then return 0; fi
  fail "the interoperability tests need a JDK of $oldest_java or newer, and the path has $(command -v java || echo none)"
}

need_maven() {
  if command -v mvn >/dev/null; then return 0; fi
  install_package maven
  hash -r
  command -v mvn >/dev/null || fail "the interoperability tests need Maven (mvn) in the path"
}

# install_package NAME...: the first of these packages that apt offers. A fresh machine has no lists, and an old one has
# lists of what is no longer offered: then they are fetched first.
install_package() {
  command -v apt-get >/dev/null || fail "there is no apt-get here: put one of $* into the path by hand"
  local found
  if found=$(first_offered "$@"); then
    say "installing $found"
    if quietly apt_install "$found"; then return 0; fi
  fi
  persistently as_root apt-get -qq update || say "the lists of packages are not all new"
  found=$(first_offered "$@") || fail "apt offers none of $*: install one by hand"
  say "installing $found"
  persistently apt_install "$found" || fail "$found could not be installed"
}

first_offered() {
  local name policy
  for name in "$@"; do
    policy=$(apt-cache policy "$name" 2>/dev/null) || continue
    if [[ $policy =~ Candidate:\ [^\(] ]]; then
      echo "$name"
      return 0
    fi
  done
  return 1
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install "$1"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -n "$@"
  else
    say "this needs root: $*"
    return 1
  fi
}

# What the result depends on.
stamp_of() {
  { cat ../setup.sh pom.xml "jars-$1.sha256"; find src -name '*.java' -print0 | sort -z | xargs -0 cat; } | sha256sum
}

is_built() { [ "$(cat "$cache/$1/stamp" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

build() {
  local version=$1 folder=$work/$1 stamp
  stamp=$(stamp_of "$version")
  say "building the Java worker on KCL $version"
  fetch_jars "$version" "$folder/lib"
  verify "$version" "$folder/lib" || fail "the jars of KCL $version are not those of jars-$version.sha256"
  find src -name '*.java' -print0 | sort -z >"$work/sources"
  quietly xargs -0 -a "$work/sources" javac --release "$oldest_java" -encoding UTF-8 -proc:none \
    -cp "$folder/lib/*" -d "$folder/classes"
  printf '%s\n' "$stamp" >"$folder/stamp"
  rm -rf "${cache:?}/$version"
  mv "$folder" "$cache/$version"
}

fetch_jars() {
  need_maven
  persistently mvn -q -B --strict-checksums -Dkcl.version="$1" -Dinterop.lib="$2" dependency:copy-dependencies
}

# No jar may differ, be missing, or be there without being listed.
verify() {
  local list=$PWD/jars-$1.sha256
  (cd "$2" && sha256sum --quiet --strict --check "$list") && diff <(awk '{ print $2 }' "$list") <(ls "$2")
}

record() {
  fetch_jars "$1" "$work/record-$1"
  (cd "$work/record-$1" && sha256sum -- *.jar) >"jars-$1.sha256"
}

main "$@"
