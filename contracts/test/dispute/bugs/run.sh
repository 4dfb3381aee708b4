#!/usr/bin/env bash
# Proves that the tests of the machine and its oracle see bugs: applies each patch here to a copy of the
# sources and expects the tests that its first line names to fail. Usage: run.sh [NAME...]; exit code 1 when a bug survives or a patch
# does not apply. JOBS bugs at a time.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
contracts=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export FOUNDRY_SOLC="${FOUNDRY_SOLC:-$contracts/bin/solc}"
export FOUNDRY_OPTIMIZER=false # compiles faster, behaves the same
export FOUNDRY_FUZZ_RUNS=16
export FOUNDRY_DYNAMIC_TEST_LINKING=true # a patched contract does not recompile the tests
forge="${FORGE:-$contracts/node_modules/@foundry-rs/forge-linux-amd64/bin/forge}"

base=$work/base
mkdir -p "$base/test" "$base/src" "$work/tests/vectors"
cp "$contracts/foundry.toml" "$base/"
ln -s "$contracts/node_modules" "$base/node_modules"
cp -r "$contracts"/src/{dispute,interfaces,libraries,types} "$base/src/"
cp -r "$contracts/test/dispute" "$base/test/"
cp "$contracts/test/Base.sol" "$base/test/"
cp -r "$contracts/../tests/vectors/machine" "$work/tests/vectors/"
rm "$base/test/dispute/MachineGas.t.sol" # needs the optimizer

# check FOLDER TESTS: those tests of that copy; their output in FOLDER.log
check() { (cd "$1" && "$forge" test --fail-fast --match-path "test/dispute/$2") >"$1.log" 2>&1; }

# try PATCH: one line that says what became of it
try() {
    local name at
    name=$(basename "$1" .patch)
    at=$work/$name
    cp -rp "$base" "$at" # with what is compiled
    if ! patch -s -p1 -d "$at" <"$1" >/dev/null; then
        echo "STALE   $name: the patch does not apply"
    elif check "$at" "$(sed -n '1s/^Tests: //p' "$1")"; then
        echo "MISSED  $name"
    elif ! grep -q '^\[FAIL' "$at.log"; then
        tail -20 "$at.log" >&2
        echo "BROKEN  $name: does not compile"
    else
        echo "caught  $name: $(sed -n 's/^\[FAIL.*\] \(test[A-Za-z0-9_]*\).*/\1/p' "$at.log" | head -1)"
    fi
    rm -rf "$at"
}

if ! check "$base" "*"; then
    cat "$base.log"
    echo "the tests fail without a bug"
    exit 1
fi

export -f check try
export work base forge
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then printf '%s\0' "$patch"; fi
done | xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'try "$1"' try | tee "$work/report"

caught=$(grep -c '^caught' "$work/report")
missed=$(grep -vc '^caught' "$work/report")
echo "$caught passed, $missed failed"
[ "$missed" -eq 0 ] && [ "$caught" -gt 0 ]
