#!/usr/bin/env bash
# Proves that the invariants see bugs: applies each patch here to a copy of the market's sources and
# expects the walks over all invariants to fail. Usage: run.sh [NAME...].
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../../seeded-bugs.sh"

mkdir -p "$base/test/invariant" "$base/test/l2" "$base/src/l2"
cp -r "$contracts"/src/{interfaces,types,libraries} "$base/src/"
cp "$contracts"/src/l2/{Clock,Market,Registry}.sol "$base/src/l2/"
cp "$contracts/test/l2/MarketFixture.sol" "$base/test/l2/"
cp "$contracts"/test/invariant/Market*.sol "$base/test/invariant/"

check() { (cd "$1" && "$forge" test --fail-fast --match-test test_Walk) >"$1.log" 2>&1; }
reason() { sed -n 's/^\[FAIL: \(.*\)\] test_Walk.*/\1/p' "$1"; }

try_all "$here" "$@"
