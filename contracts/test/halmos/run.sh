#!/usr/bin/env bash
# Proves the ALU's linear operations for all operands with halmos (pip install halmos==0.3.3), on a copy
# that holds nothing else. Usage: run.sh [HALMOS OPTIONS].
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
contracts=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export FOUNDRY_SOLC="${FOUNDRY_SOLC:-$contracts/bin/solc}"
forge="${FORGE:-$contracts/node_modules/@foundry-rs/forge-linux-amd64/bin/forge}"
PATH="$(dirname "$forge"):$PATH"

mkdir -p "$work/src/libraries" "$work/src/types" "$work/test/halmos"
cp "$contracts/foundry.toml" "$work/"
ln -s "$contracts/node_modules" "$work/node_modules"
cp "$contracts"/src/libraries/{Alu,Bytes8}.sol "$work/src/libraries/"
cp "$contracts/src/types/Instruction.sol" "$work/src/types/"
cp "$here/Alu.t.sol" "$work/test/halmos/"

halmos --root "$work" --contract AluHalmos --loop 64 --solver-timeout-assertion 0 "$@"
