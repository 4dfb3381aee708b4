#!/usr/bin/env bash
# Proves that the invariants see bugs: applies each patch here to a copy of the market's sources and
# expects the walks over all invariants to fail. Usage: run.sh [NAME...]; exit code 1 when a bug
# survives or a patch does not apply.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
contracts=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export FOUNDRY_SOLC="${FOUNDRY_SOLC:-$contracts/bin/solc}"
export FOUNDRY_OPTIMIZER=false # compiles five times faster, behaves the same
export FOUNDRY_DYNAMIC_TEST_LINKING=true # a patched contract does not recompile the tests
forge="${FORGE:-$contracts/node_modules/@foundry-rs/forge-linux-amd64/bin/forge}"

mkdir -p "$work/test/invariant" "$work/test/l2" "$work/src/l2"
cp "$contracts/foundry.toml" "$work/"
ln -s "$contracts/node_modules" "$work/node_modules"
cp -r "$contracts/src/interfaces" "$contracts/src/types" "$contracts/src/libraries" "$work/src/"
cp "$contracts"/src/l2/{Clock,Market,Registry}.sol "$work/src/l2/"
cp "$contracts/test/Base.sol" "$work/test/"
cp "$contracts/test/l2/MarketFixture.sol" "$work/test/l2/"
cp "$contracts"/test/invariant/Market*.sol "$work/test/invariant/"
cp -r "$work/src" "$work/src.good"
cd "$work"

walk() { "$forge" test --fail-fast --match-test test_Walk >"$work/log" 2>&1; }

if ! walk; then
    cat "$work/log"
    echo "the invariants fail without a bug"
    exit 1
fi

caught=0
missed=0
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    if ! patch -s -p1 <"$patch"; then
        echo "STALE   $name: the patch does not apply"
        missed=$((missed + 1))
    elif walk; then
        echo "MISSED  $name"
        missed=$((missed + 1))
    elif ! grep -q '^\[FAIL' "$work/log"; then
        tail -20 "$work/log"
        echo "BROKEN  $name: does not compile"
        missed=$((missed + 1))
    else
        echo "caught  $name: $(sed -n 's/^\[FAIL: \(.*\)\] test_Walk.*/\1/p' "$work/log" | head -1)"
        caught=$((caught + 1))
    fi
    cp -p src.good/l2/*.sol src/l2/
    cp -p src.good/libraries/*.sol src/libraries/
done
echo "$caught passed, $missed failed"
[ "$missed" -eq 0 ]
