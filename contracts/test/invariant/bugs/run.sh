#!/usr/bin/env bash
# Proves that the invariants see bugs: applies each patch here to a copy of the market's sources and
# expects the walks over all invariants to fail. Usage: run.sh [NAME...]; exit code 1 when a bug
# survives or a patch does not apply. JOBS bugs at a time.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
contracts=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export FOUNDRY_SOLC="${FOUNDRY_SOLC:-$contracts/bin/solc}"
export FOUNDRY_OPTIMIZER=false # compiles five times faster, behaves the same
export FOUNDRY_DYNAMIC_TEST_LINKING=true # a patched contract does not recompile the tests
forge="${FORGE:-$contracts/node_modules/@foundry-rs/forge-linux-amd64/bin/forge}"

base=$work/base
mkdir -p "$base/test/invariant" "$base/test/l2" "$base/src/l2"
cp "$contracts/foundry.toml" "$base/"
ln -s "$contracts/node_modules" "$base/node_modules"
cp -r "$contracts/src/interfaces" "$contracts/src/types" "$contracts/src/libraries" "$base/src/"
cp "$contracts"/src/l2/{Clock,Market,Registry}.sol "$base/src/l2/"
cp "$contracts/test/Base.sol" "$base/test/"
cp "$contracts/test/l2/MarketFixture.sol" "$base/test/l2/"
cp "$contracts"/test/invariant/Market*.sol "$base/test/invariant/"

# walk FOLDER: the walks in that copy; their output in FOLDER.log
walk() { (cd "$1" && "$forge" test --fail-fast --match-test test_Walk) >"$1.log" 2>&1; }

# try PATCH: one line that says what became of it
try() {
    local name at
    name=$(basename "$1" .patch)
    at=$work/$name
    cp -rp "$base" "$at" # with what is compiled
    if ! patch -s -p1 -d "$at" <"$1" >/dev/null; then
        echo "STALE   $name: the patch does not apply"
    elif walk "$at"; then
        echo "MISSED  $name"
    elif ! grep -q '^\[FAIL' "$at.log"; then
        tail -20 "$at.log" >&2
        echo "BROKEN  $name: does not compile"
    else
        echo "caught  $name: $(sed -n 's/^\[FAIL: \(.*\)\] test_Walk.*/\1/p' "$at.log" | head -1)"
    fi
    rm -rf "$at"
}

if ! walk "$base"; then
    cat "$base.log"
    echo "the invariants fail without a bug"
    exit 1
fi

export -f walk try
export work base forge
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then printf '%s\0' "$patch"; fi
done | xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'try "$1"' try | tee "$work/report"

caught=$(grep -c '^caught' "$work/report")
missed=$(grep -vc '^caught' "$work/report")
echo "$caught passed, $missed failed"
[ "$missed" -eq 0 ] && [ "$caught" -gt 0 ]
