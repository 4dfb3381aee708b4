# Sourced by the scripts that prove that tests see bugs. They make a copy of the sources and tests in "$base", define
#   check FOLDER PATCH   the tests that must fail under PATCH, in that copy; all of them without PATCH; output in FOLDER.log
#   reason LOG           a word about what failed
# and end with `try_all FOLDER [NAME...]`: 1 when a bug survives, or a patch does not apply or compile. JOBS bugs at a time.
set -uo pipefail

contracts=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export FOUNDRY_SOLC="${FOUNDRY_SOLC:-$contracts/bin/solc}"
export FOUNDRY_OPTIMIZER=false # compiles five times faster, behaves the same
export FOUNDRY_DYNAMIC_TEST_LINKING=true # a patched contract does not recompile the tests
forge="${FORGE:-$contracts/node_modules/@foundry-rs/forge-linux-amd64/bin/forge}"

base=$work/base
mkdir -p "$base/test" "$base/src"
cp "$contracts/foundry.toml" "$base/"
ln -s "$contracts/node_modules" "$base/node_modules"
cp "$contracts/test/Base.sol" "$base/test/"

# try PATCH: one line that says what became of it
try() {
    local name at
    name=$(basename "$1" .patch)
    at=$work/$name
    cp -rp "$base" "$at" # with what is compiled
    if ! patch -s -p1 -d "$at" <"$1" >/dev/null; then
        echo "STALE   $name: the patch does not apply"
    elif check "$at" "$1"; then
        echo "MISSED  $name"
    elif ! grep -q '^\[FAIL' "$at.log"; then
        tail -20 "$at.log" >&2
        echo "BROKEN  $name: does not compile"
    else
        echo "caught  $name: $(reason "$at.log" | head -1)"
    fi
    rm -rf "$at"
}

# try_all FOLDER [NAME...]: every patch there, or those with these names
try_all() {
    local patches=$1 patch name caught missed
    shift
    if ! check "$base"; then
        cat "$base.log"
        echo "the tests fail without a bug"
        exit 1
    fi
    export -f check reason try
    export work base forge
    for patch in "$patches"/*.patch; do
        name=$(basename "$patch" .patch)
        if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then printf '%s\0' "$patch"; fi
    done | xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'try "$1"' try | tee "$work/report"
    caught=$(grep -c '^caught' "$work/report")
    missed=$(grep -vc '^caught' "$work/report")
    echo "$caught passed, $missed failed"
    [ "$missed" -eq 0 ] && [ "$caught" -gt 0 ]
}
