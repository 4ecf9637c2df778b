#!/usr/bin/env bash
# Builds the Java worker of the interoperability tests once for each version of KCL, into a folder of its own below
# node_modules/.cache/millrace-interop. Does nothing when that is already done; needs Maven, a JDK 17 or newer, and at
# the first time the network. Every jar that is run must have the SHA-256 that is written down beside the pom.
#
#   bash spec/interop/setup.sh            build what is missing
#   bash spec/interop/setup.sh --record   write the checksums down anew, after a change of version
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/java"
export LC_ALL=C

versions=(3.5.1 3.1.3)
cache=../../../node_modules/.cache/millrace-interop
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

for tool in java mvn sha256sum; do
  command -v "$tool" >/dev/null || { echo "the interoperability tests need $tool in the path" >&2; exit 1; }
done

# What the result depends on.
stamp_of() {
  { java -version 2>&1; cat pom.xml "jars-$1.sha256"; find src -name '*.java' -print0 | sort -z | xargs -0 cat; } | sha256sum
}

build() {
  local version=$1 folder=$2
  mvn -q -B --strict-checksums -Dkcl.version="$version" -Dinterop.output="$folder" \
    compiler:compile dependency:copy-dependencies
}

# No jar may differ, be missing, or be there without being listed.
verify() {
  local version=$1 folder=$2 list
  list=$PWD/jars-$version.sha256
  (cd "$folder/lib" && sha256sum --quiet --strict --check "$list")
  diff <(awk '{ print $2 }' "$list") <(ls "$folder/lib")
}

work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

for version in "${versions[@]}"; do
  if [ "${1:-}" = --record ]; then
    build "$version" "$work/$version"
    (cd "$work/$version/lib" && sha256sum -- *.jar) >"jars-$version.sha256"
    rm -rf "${work:?}/$version"
  fi
  stamp=$(stamp_of "$version")
  if [ "$(cat "$cache/$version/stamp" 2>/dev/null)" = "$stamp" ]; then continue; fi
  echo "building the Java worker on KCL $version" >&2
  build "$version" "$work/$version"
  verify "$version" "$work/$version"
  printf '%s\n' "$stamp" >"$work/$version/stamp"
  rm -rf "${cache:?}/$version"
  mv "$work/$version" "$cache/$version"
done
