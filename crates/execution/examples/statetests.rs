//! Runs Ethereum state tests (GeneralStateTests JSON) under the plain-Ethereum rules.
//!
//! `cargo run -p assay-execution --example statetests DIRECTORY`: the roots come from this crate's
//! trie, and every state is also recorded from nothing and applied in one step.
#![allow(clippy::unwrap_used, reason = "an example")]

use std::path::{Path, PathBuf};

use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{B256, Bytes, TxKind, U256, keccak256};
use assay_execution::{Account, Charge, Executor, Rules, StateChanges, StateTrie};
use revm::{
    context::{BlockEnv, TxEnv, either::Either, result::ExecutionResult},
    database_interface::EmptyDB,
    primitives::hardfork::SpecId,
};
use serde_json::Value;

fn number(value: &Value) -> U256 {
    value.as_str().unwrap_or("0").parse().unwrap()
}

fn bytes(value: &Value) -> Bytes {
    value.as_str().unwrap().parse().unwrap()
}

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |items| items)
}

fn spec(fork: &str) -> SpecId {
    match fork {
        "Frontier" => SpecId::FRONTIER,
        "Homestead" => SpecId::HOMESTEAD,
        "Byzantium" => SpecId::BYZANTIUM,
        "ConstantinopleFix" => SpecId::PETERSBURG,
        "Istanbul" => SpecId::ISTANBUL,
        "Berlin" => SpecId::BERLIN,
        "London" => SpecId::LONDON,
        "Paris" => SpecId::MERGE,
        "Shanghai" => SpecId::SHANGHAI,
        "Cancun" => SpecId::CANCUN,
        "Prague" => SpecId::PRAGUE,
        "Osaka" => SpecId::OSAKA,
        other => panic!("unknown fork {other}"),
    }
}

fn pre_state(test: &Value) -> StateChanges {
    let mut state = StateChanges::default();
    for (address, fields) in test["pre"].as_object().unwrap() {
        let code = bytes(&fields["code"]);
        let code_hash = keccak256(&code);
        let change = state.accounts.entry(address.parse().unwrap()).or_default();
        change.account = Some(Account {
            nonce: number(&fields["nonce"]).to(),
            balance: number(&fields["balance"]),
            code_hash,
        });
        for (key, value) in fields["storage"].as_object().unwrap() {
            change.storage.insert(key.parse().unwrap(), number(value));
        }
        state.codes.insert(code_hash, code);
    }
    state
}

fn rules(test: &Value, fork: &str) -> (Rules, u64) {
    let spec = spec(fork);
    let mut rules = Rules::ethereum(spec, 1);
    let schedule = &test["config"]["blobSchedule"][fork];
    let fraction = number(&schedule["baseFeeUpdateFraction"]).to::<u64>().max(1);
    let most = if spec >= SpecId::OSAKA { U256::from(6) } else { number(&schedule["max"]) };
    rules.evm.max_blobs_per_tx = Some(most.to());
    (rules, fraction)
}

fn block(test: &Value, spec: SpecId, fraction: u64) -> BlockEnv {
    let env = &test["env"];
    let mut block = BlockEnv {
        number: number(&env["currentNumber"]),
        beneficiary: parse(&env["currentCoinbase"]),
        timestamp: number(&env["currentTimestamp"]),
        gas_limit: number(&env["currentGasLimit"]).saturating_to(),
        basefee: number(&env["currentBaseFee"]).to(),
        difficulty: number(&env["currentDifficulty"]),
        prevrandao: (spec >= SpecId::MERGE).then(|| parse(&env["currentRandom"])),
        ..Default::default()
    };
    block.set_blob_excess_gas_and_price(number(&env["currentExcessBlobGas"]).to(), fraction);
    block
}

/// The transaction, unless its type has no such form.
fn transaction(test: &Value, post: &Value) -> Option<TxEnv> {
    let tx = &test["transaction"];
    let index = |name: &str| post["indexes"][name].as_u64().unwrap() as usize;
    let kind = match tx["to"].as_str() {
        None | Some("") => TxKind::Create,
        Some(to) => TxKind::Call(to.parse().unwrap()),
    };
    let access = tx["accessLists"].get(index("data")).filter(|list| !list.is_null());
    let access_list = AccessList(
        list(access.unwrap_or(&Value::Null))
            .iter()
            .map(|item| AccessListItem {
                address: parse(&item["address"]),
                storage_keys: list(&item["storageKeys"]).iter().map(parse).collect(),
            })
            .collect(),
    );
    let has = |name: &str| tx.get(name).is_some_and(|value| !value.is_null());
    let tx_type = match () {
        () if has("authorizationList") => 4,
        () if has("blobVersionedHashes") => 3,
        () if has("maxFeePerGas") => 2,
        () if access.is_some() => 1,
        () => 0,
    };
    if tx_type >= 3 && kind.is_create() {
        return None;
    }
    let signed = |auth: &Value| {
        let inner = Authorization {
            chain_id: number(&auth["chainId"]),
            address: parse(&auth["address"]),
            nonce: number(&auth["nonce"]).try_into().ok()?,
        };
        let parity = number(&auth["v"]).try_into().ok()?;
        Some(SignedAuthorization::new_unchecked(inner, parity, number(&auth["r"]), number(&auth["s"])))
    };
    let price = if has("maxFeePerGas") { "maxFeePerGas" } else { "gasPrice" };
    Some(TxEnv {
        tx_type,
        caller: parse(&tx["sender"]),
        gas_limit: number(&tx["gasLimit"][index("gas")]).saturating_to(),
        gas_price: number(&tx[price]).saturating_to(),
        gas_priority_fee: has("maxPriorityFeePerGas")
            .then(|| number(&tx["maxPriorityFeePerGas"]).saturating_to()),
        kind,
        value: number(&tx["value"][index("value")]),
        data: bytes(&tx["data"][index("data")]),
        nonce: number(&tx["nonce"]).to(),
        chain_id: (tx_type > 0).then_some(1),
        access_list,
        blob_hashes: list(&tx["blobVersionedHashes"]).iter().map(parse::<B256>).collect(),
        max_fee_per_blob_gas: number(&tx["maxFeePerBlobGas"]).saturating_to(),
        authorization_list: list(&tx["authorizationList"])
            .iter()
            .map(signed)
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .map(Either::Left)
            .collect(),
    })
}

fn run(test: &Value, fork: &str, post: &Value) -> Result<(), String> {
    let pre = pre_state(test);
    let (rules, fraction) = rules(test, fork);
    let mut executor = Executor::new(&rules, block(test, rules.evm.spec, fraction), pre.over(EmptyDB::new()));
    let result = match transaction(test, post) {
        Some(tx) => executor.transact(tx, Charge::Ethereum).map_err(|error| error.to_string())?,
        None => return if post["expectException"].is_string() { Ok(()) } else { Err("no such form".into()) },
    };
    let changes = executor.state().changes();
    let mut trie = StateTrie::empty();
    trie.apply(&pre).unwrap();
    let root = trie.apply(&changes).unwrap();
    let mut whole = pre;
    whole.extend(changes);
    if StateTrie::empty().apply(&whole).unwrap() != root {
        return Err("one step and two steps differ".into());
    }
    let expected: B256 = parse(&post["hash"]);
    let logs = match (&result, post["expectException"].as_str()) {
        (Ok(_), Some(exception)) => return Err(format!("accepted, expected {exception}")),
        (Err(error), None) => return Err(format!("refused: {error}")),
        (Ok(ExecutionResult::Success { logs, .. }), None) => keccak256(alloy_rlp::encode(logs)),
        _ => keccak256([0xc0]),
    };
    if root != expected {
        return Err(format!("state root: expected {expected}, found {root}"));
    }
    let expected: B256 = parse(&post["logs"]);
    if logs != expected { Err(format!("logs: expected {expected}, found {logs}")) } else { Ok(()) }
}

fn files(path: &Path, out: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> = path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| files(entry, out));
    } else if path.extension().is_some_and(|extension| extension == "json") {
        out.push(path.into());
    }
}

fn main() {
    let mut paths = Vec::new();
    std::env::args().skip(1).for_each(|path| files(Path::new(&path), &mut paths));
    let (mut passed, mut failed) = (0, 0);
    for path in &paths {
        let tests: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for (name, test) in tests.as_object().unwrap() {
            for (fork, posts) in test["post"].as_object().unwrap() {
                for post in list(posts) {
                    match run(test, fork, post) {
                        Ok(()) => passed += 1,
                        Err(reason) => {
                            failed += 1;
                            println!("{} {fork} {name}\n    {reason}", path.display());
                        }
                    }
                }
            }
        }
    }
    println!("{} files: {passed} passed, {failed} failed", paths.len());
    std::process::exit(i32::from(failed > 0));
}
