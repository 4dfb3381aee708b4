#!/usr/bin/env bash
# Proves that the tests of the machine and its oracle see bugs: applies each patch here to a copy of the
# sources and expects the tests that its first line names to fail. Usage: run.sh [NAME...].
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../../seeded-bugs.sh"

export FOUNDRY_FUZZ_RUNS=16
mkdir -p "$work/tests/vectors"
cp -r "$contracts"/src/{dispute,interfaces,libraries,types} "$base/src/"
cp -r "$contracts/test/dispute" "$base/test/"
cp -r "$contracts/../tests/vectors/machine" "$work/tests/vectors/"
rm "$base/test/dispute/MachineGas.t.sol" # needs the optimizer

check() {
    local tests="*"
    if [ $# -gt 1 ]; then tests=$(sed -n '1s/^Tests: //p' "$2"); fi
    (cd "$1" && "$forge" test --fail-fast --match-path "test/dispute/$tests") >"$1.log" 2>&1
}
reason() { sed -n 's/^\[FAIL.*\] \(test[A-Za-z0-9_]*\).*/\1/p' "$1"; }

try_all "$here" "$@"
