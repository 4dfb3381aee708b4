#!/usr/bin/env bash
# An ordinary cast user: deposits, pays, deploys, calls, listens and posts a job. Environment as for
# viem.mjs (see lib.mjs); CAST names the binary.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cast=${CAST:-$here/../../contracts/node_modules/@foundry-rs/cast-linux-amd64/bin/cast}
all=deposit,transfer,deploy,call,logs,subscribe,market,l1job
market=0xA55A000000000000000000000000000000000011
order_type='(bytes32,bytes32,uint8,uint8,uint8,uint64,uint64,uint64,(uint64,uint64,uint64,uint64),(uint32,uint16,uint64),(uint32,uint32,uint32,uint32,uint32),bytes)'
step=environment
work=$(mktemp -d)
listener=

cleanup() {
    local code=$?
    if [ -n "$listener" ]; then kill "$listener" 2>/dev/null || true; fi
    rm -rf "$work"
    if [ $code -ne 0 ]; then echo "cast $step FAILED" >&2; fi
}
trap cleanup EXIT

fail() {
    echo "cast $step: $*" >&2
    exit 1
}
equal() { [ "${1,,}" = "${2,,}" ] || fail "$3: expected $2, found $1"; }
need() { [ -n "${!1:-}" ] || fail "$1 is not set (see lib.mjs)"; }

# cast's numbers without the "[1e18]" that it adds for people
read_l2() { "$cast" call --rpc-url "$L2_URL" "$@" | sed 's/ \[.*\]$//'; }
send_l2() { "$cast" send --rpc-url "$L2_URL" --private-key "$KEY" --json "$@"; }
field() { node -e 'let v = JSON.parse(require("fs").readFileSync(0)); for (const k of process.argv[1].split(".")) v = v?.[k]; console.log(v ?? "")' "$1"; }
ok() { equal "$(field status <"$1")" 0x1 "status of the transaction"; }
fresh() { "$cast" wallet new --json | field 0.address; }
# until SECS COMMAND...: runs the command until it succeeds
until_ok() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "still waiting for: $*"
        sleep 0.2
    done
}
holds() { [ "$("$cast" balance --rpc-url "$L2_URL" "$1")" = "$2" ]; }

# deposit TO VALUE GAS DATA: through the Portal; ether beyond VALUE is minted for the sender
deposit() {
    need L1_URL && need PORTAL
    local fee
    fee=$("$cast" call --rpc-url "$L1_URL" "$PORTAL" 'depositFee(uint64)(uint256)' "$3" | sed 's/ .*//')
    "$cast" send --rpc-url "$L1_URL" --private-key "$KEY" --json "$PORTAL" \
        'depositTransaction(address,uint256,uint64,bool,bytes)' "$1" "$2" "$3" false "$4" \
        --value "$(node -p "(10n ** 18n + 2n * ${fee}n).toString()")" >"$work/deposit"
    ok "$work/deposit"
}

do_deposit() {
    local to
    to=$(fresh)
    deposit "$to" 100000000000000000 100000 0x
    until_ok 120 holds "$to" 100000000000000000
    said="$to has its ether on L2"
}

do_transfer() {
    local to
    to=$(fresh)
    send_l2 "$to" --value 1000000000 >"$work/transfer"
    ok "$work/transfer"
    holds "$to" 1000000000 || fail "the receiver has not got the ether"
    said="$(field transactionHash <"$work/transfer")"
}

do_deploy() {
    send_l2 --create "$(field bytecode <"$here/contracts/Counter.json")" 'constructor(uint256)' 40 >"$work/deploy"
    ok "$work/deploy"
    counter=$(field contractAddress <"$work/deploy")
    [ "$("$cast" code --rpc-url "$L2_URL" "$counter")" != 0x ] || fail "no code at $counter"
    said="Counter at $counter"
}

increase() {
    send_l2 "$counter" 'increase(uint256)' "$1" >"$work/increase"
    ok "$work/increase"
}

do_call() {
    equal "$(read_l2 "$counter" 'number()(uint256)')" 40 'number before'
    increase 2
    equal "$(read_l2 "$counter" 'number()(uint256)')" 42 'number after'
    if "$cast" call --rpc-url "$L2_URL" "$counter" 'increase(uint256)' 101 >/dev/null 2>"$work/refused"; then
        fail 'increase(101) was not refused'
    fi
    local data
    data=$("$cast" calldata 'TooLarge(uint256,uint256)' 100 101)
    grep -qiE "${data#0x}|TooLarge" "$work/refused" || fail "no TooLarge in: $(cat "$work/refused")"
    said='40 + 2 is 42; increase(101) is refused with TooLarge(100, 101)'
}

do_logs() {
    increase 1
    "$cast" logs --rpc-url "$L2_URL" --json --from-block 0 --address "$counter" \
        'Increased(address indexed by, uint256 number)' >"$work/logs"
    local count
    count=$(field length <"$work/logs")
    [ "$count" -gt 0 ] || fail 'no Increased event found'
    equal "$(field "$((count - 1)).transactionHash" <"$work/logs")" "$(field transactionHash <"$work/increase")" \
        'transaction of the newest event'
    said="$count events found"
}

heard() { grep -qi "$(field transactionHash <"$work/increase")" "$work/heard"; }
heard_or_increase() {
    increase 1
    local end=$((SECONDS + 5))
    while [ $SECONDS -lt $end ]; do
        if heard; then return 0; fi
        sleep 0.2
    done
    return 1
}

do_subscribe() {
    "$cast" logs --rpc-url "$ws" --subscribe --address "$counter" \
        'Increased(address indexed by, uint256 number)' >"$work/heard" 2>"$work/heard.err" &
    listener=$!
    # cast does not say when it listens: increase until it hears
    until_ok 60 heard_or_increase
    kill "$listener" 2>/dev/null || true
    listener=
    said="the log of $(field transactionHash <"$work/increase")"
}

posted() { [ "$(read_l2 "$market" 'nextJobId()(uint256)')" -gt "$1" ]; }

do_market() {
    local quote job
    quote=$(read_l2 "$market" "quote($order_type)(uint256)" "$order")
    equal "$quote" 4016384000000 quote
    send_l2 "$market" "post($order_type)" "$order" --value "$quote" >"$work/post"
    ok "$work/post"
    # the first event is JobPosted, its first indexed argument the job
    job=$("$cast" to-dec "$(field logs.0.topics.1 <"$work/post")")
    equal "$(read_l2 "$market" 'jobState(uint256)(uint8)' "$job")" 1 state
    send_l2 "$market" 'cancel(uint256)' "$job" >"$work/cancel"
    ok "$work/cancel"
    equal "$(read_l2 "$market" 'jobState(uint256)(uint8)' "$job")" 8 'state after the cancellation'
    send_l2 "$market" 'withdraw(address)' "$("$cast" wallet address --private-key "$KEY")" >"$work/withdraw"
    ok "$work/withdraw"
    said="job $job posted for $quote wei, cancelled, refunded"
}

do_l1job() {
    local next client
    next=$(read_l2 "$market" 'nextJobId()(uint256)')
    deposit "$market" 4016384000000 1000000 "$("$cast" calldata "post($order_type)" "$order")"
    until_ok 120 posted "$next"
    # the client is the first word of a job
    client=$("$cast" call --rpc-url "$L2_URL" "$market" 'job(uint256)' "$next" | cut -c27-66)
    equal "0x$client" "$("$cast" wallet address --private-key "$KEY")" client
    send_l2 "$market" 'cancel(uint256)' "$next" >"$work/cancel"
    ok "$work/cancel"
    said="one L1 transaction funded and posted job $next"
}

need L2_URL && need KEY
order="(0x$(printf '11%.0s' {1..32}),0x$(printf '22%.0s' {1..32}),1,2,1,1000000,4096,4096,(1000000000000,1000000000000,1000000,1000000),(4294967295,65535,0),(${MARKET_WINDOWS:-600,60,600,60,60}),0x1234)"
ws=${L2_WS_URL:-$(sed 's/^http/ws/; s,/$,,' <<<"$L2_URL")/ws}
count=0
for step in $(tr , ' ' <<<"${STEPS:-$all}"); do
    [[ ",$all," == *",$step,"* ]] || fail "unknown step; there are $all"
    "do_$step"
    echo "cast $step: $said"
    count=$((count + 1))
done
echo "cast: $count steps passed"
