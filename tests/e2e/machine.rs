//! The committed programs on the machine, by the program that people use, beside what the same source gives as native code.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use alloy::primitives::{B256, hex, keccak256};
use assay_testkit::{Anvil, repository};
use assay_tests::assay_program;
use eyre::{Result, ensure};
use serde_json::{Map, Value};

fn elf(program: &str) -> PathBuf {
    repository().join("programs/elf").join(program)
}

fn machine(verb: &str, program: &str, rest: &[&str]) -> Result<Output> {
    Ok(Command::new(assay_program()).args(["machine", verb]).arg(elf(program)).args(rest).output()?)
}

/// The JSON that a successful command prints.
fn json(verb: &str, program: &str, rest: &[&str]) -> Result<Value> {
    let output = machine(verb, program, &[rest, &["--json"]].concat())?;
    ensure!(output.status.success(), "{verb} {program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// An input that begins with a number.
fn input(number: u32) -> B256 {
    B256::right_padding_from(&number.to_be_bytes())
}

/// `ASSAY_WRITE_VECTORS=1 cargo xtask test the_committed_programs` writes the file again.
#[test]
fn the_committed_programs_have_the_committed_ids() -> Result<()> {
    let mut ids = Map::new();
    for file in std::fs::read_dir(elf(""))? {
        let name = file?.file_name().into_string().expect("plain names");
        if name != "ids.json" {
            ids.insert(name.clone(), json("id", &name, &[])?["program"].clone());
        }
    }
    let text = format!("{:#}\n", Value::from(ids));
    if std::env::var_os("ASSAY_WRITE_VECTORS").is_some() {
        std::fs::write(elf("ids.json"), &text)?;
    }
    assert_eq!(std::fs::read_to_string(elf("ids.json"))?, text);
    Ok(())
}

#[test]
fn programs_give_what_their_source_gives() -> Result<()> {
    let output = |program: &str, input: B256, rest: &[&str]| -> Result<B256> {
        let ran = json("run", program, &[&["--input", &input.to_string()], rest].concat())?;
        ensure!(ran["status"] == "exited" && ran["exit_code"] == 0, "{program}: {ran}");
        Ok(ran["output"].as_str().unwrap_or_default().parse()?)
    };
    let number = B256::repeat_byte(0x1d);
    assert_eq!(output("hello", number, &[])?, B256::repeat_byte(0xb8));
    let hash = (0..3).fold(input(3), |hash, _| keccak256(hash.repeat(32)));
    assert_eq!(output("keccak", input(3), &[])?, hash);
    assert_eq!(output("transfers", input(64), &[])?, program_transfers::run(64));

    // values of all lengths around a part's and a sponge block's, by both kinds of hash
    let folder = tempfile::tempdir()?;
    let place = folder.path().to_string_lossy().into_owned();
    for len in [0usize, 1, 31, 32, 33, 135, 136, 137, 1000, 65_536] {
        let value: Vec<u8> = (0..len).map(|i| (i * 31 + len) as u8).collect();
        std::fs::write(folder.path().join("value"), &value)?;
        let mut key = keccak256(&value);
        key[0] = 2;
        assert_eq!(output("preimage", key, &["--preimages", &place])?, keccak256(&value), "{len} bytes");
    }
    Ok(())
}

#[test]
fn what_ends_otherwise_says_how() -> Result<()> {
    let missing = machine("run", "preimage", &["--input", &format!("0x02{}", "11".repeat(31))])?;
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    ensure!(missing.status.code() == Some(1) && text.contains("0x0211"), "{:?} {text}", missing.status);
    let trapped = machine("run", "preimage", &["--input", &B256::repeat_byte(0xee).to_string()])?;
    let text = String::from_utf8_lossy(&trapped.stdout).into_owned();
    ensure!(trapped.status.code() == Some(254) && text.contains("trapped after"), "{text}");
    let long = machine("run", "keccak", &["--input", &"00".repeat(33)])?;
    let text = String::from_utf8_lossy(&long.stderr).into_owned();
    ensure!(long.status.code() == Some(2) && text.contains("32 at most"), "{text}");
    let stopped = machine("run", "keccak", &["--input", "0x00000003", "--until", "100", "--json"])?;
    let found: Value = serde_json::from_slice(&stopped.stdout)?;
    ensure!(stopped.status.code() == Some(255), "{:?}", stopped.status);
    ensure!(found["status"] == "running" && found["instructions"] == 100, "{found}");
    let late = machine("step", "hello", &["--at", "1000000"])?;
    let text = String::from_utf8_lossy(&late.stderr).into_owned();
    ensure!(!late.status.success() && text.contains("the program halted after"), "{text}");
    let source = Command::new(assay_program()).args(["machine", "run"]).arg(file!()).output()?;
    ensure!(!source.status.success() && !source.stderr.is_empty());
    Ok(())
}

#[test]
fn steps_follow_each_other() -> Result<()> {
    let input = input(1).to_string();
    let first = json("step", "keccak", &["--at", "20", "--input", &input])?;
    let second = json("step", "keccak", &["--at", "21", "--input", &input])?;
    assert_eq!(first["next_state_hash"], second["state_hash"]);
    let state = hex::decode(second["state"].as_str().unwrap_or_default())?;
    assert_eq!(second["state_hash"], keccak256(state).to_string());
    let stopped = machine("run", "keccak", &["--until", "21", "--input", &input, "--json"])?;
    let stopped: Value = serde_json::from_slice(&stopped.stdout)?;
    assert_eq!(stopped["state_hash"], second["state_hash"]);
    Ok(())
}

/// The contract is deployed by the first command and found by the second; parts are loaded as they are asked for.
#[test]
fn the_contract_sees_the_same_steps() -> Result<()> {
    let anvil = Anvil::start()?;
    let url = anvil.url().to_string();
    let payer = hex::encode(anvil.key(0).to_bytes());
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("value"), [7; 70])?;
    let mut key = keccak256([7; 70]);
    key[0] = 2;
    let (key, place) = (key.to_string(), folder.path().to_string_lossy().into_owned());
    let verify = |program: &str, every: &str, rest: &[&str]| -> Result<(u64, u64)> {
        let args = [&["--rpc", &url, "--every", every][..], rest].concat();
        let mut command = Command::new(assay_program());
        command.args(["machine", "verify"]).arg(elf(program)).args(args).arg("--json");
        let output = command.env("ASSAY_DEV_KEY", &payer).output()?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout)?;
        let number = |name: &str| found[name].as_u64().unwrap_or_default();
        Ok((number("checked"), number("instructions")))
    };
    let (checked, all) = verify("hello", "1", &[])?;
    ensure!(checked == all && all > 20, "{checked} of {all}");
    let (checked, all) = verify("preimage", "7", &["--input", &key, "--preimages", &place])?;
    ensure!(checked == all.div_ceil(7) && all > 100, "{checked} of {all}");
    Ok(())
}
