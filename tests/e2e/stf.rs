//! The state-transition function against Ethereum's state tests, by the command that people use.

use std::process::Command;

use assay_testkit::repository;
use assay_tests::assay_program;
use eyre::{Result, ensure};
use serde_json::{Value, json};

/// A transfer of 1 wei under Cancun's rules, with the given state root as the expected one.
fn transfer(root: &str) -> Value {
    let account = |balance: &str| json!({"nonce": "0x00", "balance": balance, "code": "0x", "storage": {}});
    json!({"a_transfer": {
        "env": {
            "currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentGasLimit": "0x0f4240",
            "currentNumber": "0x01", "currentTimestamp": "0x03e8", "currentDifficulty": "0x00", "currentBaseFee": "0x0a",
            "currentRandom": format!("0x{}", "00".repeat(32)), "currentExcessBlobGas": "0x00",
        },
        "pre": {"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": account("0x0de0b6b3a7640000")},
        "transaction": {
            "sender": "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b", "to": format!("0x{}", "11".repeat(20)),
            "nonce": "0x00", "gasPrice": "0x0a", "data": ["0x"], "gasLimit": ["0x5208"], "value": ["0x01"],
        },
        "post": {"Cancun": [{
            "hash": root, "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
            "indexes": {"data": 0, "gas": 0, "value": 0},
        }]},
        "config": {"blobSchedule": {"Cancun": {"target": "0x03", "max": "0x06", "baseFeeUpdateFraction": "0x32f0ed"}}},
    }})
}

#[test]
fn a_wrong_root_and_a_file_of_another_kind_are_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("test.json");
    let run = |text: String| -> Result<(Option<i32>, String)> {
        std::fs::write(&file, text)?;
        let output = Command::new(assay_program()).args(["stf", "statetest"]).arg(&file).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
    };
    // sender and receiver, by an independent trie
    let (sender, receiver) = (999_999_999_999_789_999u64, 1u64);
    let root = trie_root(&[
        ("a94f5374fce5edbc8e2a8697c15331677e6ebf0b", 1, sender),
        (&"11".repeat(20), 0, receiver),
    ]);
    let (code, said) = run(transfer(&root).to_string())?;
    ensure!(code == Some(0) && said.contains("1 passed, 0 failed"), "{said}");
    let (code, said) = run(transfer(&format!("0x{}", "22".repeat(32))).to_string())?;
    ensure!(code == Some(1) && said.contains(&format!("the state root is {root}")), "{said}");
    let (code, said) = run("{\"a\": {}}".into())?;
    ensure!(code == Some(1) && said.contains("this is no file of state tests"), "{said}");
    Ok(())
}

/// The state root of accounts without code and storage, by alloy's trie.
fn trie_root(accounts: &[(&str, u64, u64)]) -> String {
    use alloy::primitives::{Address, U256};
    use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, TrieAccount};

    let accounts = accounts.iter().map(|(address, nonce, balance)| {
        let address: Address = address.parse().expect("an address");
        let account = TrieAccount {
            nonce: *nonce,
            balance: U256::from(*balance),
            storage_root: EMPTY_ROOT_HASH,
            code_hash: KECCAK_EMPTY,
        };
        (address, account)
    });
    alloy_trie::root::state_root_unhashed(accounts).to_string()
}

/// Every test of the suite, where it is at hand beside the repository.
#[test]
fn ethereums_state_tests_pass() -> Result<()> {
    let suite = repository().join("../shared/data/statetests.tar.zst");
    let folder = tempfile::tempdir()?;
    let unpacked = suite.exists()
        && Command::new("tar")
            .arg("--zstd")
            .arg("-xf")
            .arg(&suite)
            .arg("-C")
            .arg(folder.path())
            .status()?
            .success();
    if !unpacked {
        println!("skipped: the suite is not at hand, or `tar --zstd` is not");
        return Ok(());
    }
    let output =
        Command::new(assay_program()).args(["stf", "statetest", "--json"]).arg(folder.path()).output()?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(found["passed"] == 10_296, "{} of {} files", found["passed"], found["files"]);
    // Creations over an account that has storage, but neither code nor nonce (EIP-7610). No transaction has been able to make such an
    // account since EIP-161, and the L2's genesis has none.
    for failure in found["failures"].as_array().into_iter().flatten() {
        let text = failure.as_str().unwrap_or_default();
        let known =
            text.contains("eip7610_create_collision/") || text.contains("create2collisionStorageParis");
        ensure!(known, "{text}");
    }
    Ok(())
}
