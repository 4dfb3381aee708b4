//! `assay stf statetest`: one transaction on one state, under the rules of one fork of plain Ethereum.
//!
//! State roots come from our own trie: once with the changes on top of the first state, once with everything from nothing.

use std::{
    collections::BTreeMap,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use alloy::{
    eips::eip7702::{Authorization, SignedAuthorization},
    primitives::{B256, TxKind, U256, keccak256},
};
use assay_execution::{Account, Charge, Executor, Rules, StateChanges, StateTrie};
use eyre::{Result, WrapErr, bail, ensure, eyre};
use revm::{
    context::{BlockEnv, TxEnv, either::Either, result::ExecutionResult},
    database_interface::EmptyDB,
    primitives::hardfork::SpecId,
};
use serde_json::json;

use super::format::{Post, Test, Tests, access_list};
use crate::out;

/// Folders within folders.
const DEPTH_MAX: usize = 64;
/// The chain id of all state tests.
const CHAIN_ID: u64 = 1;
/// Most blobs of a transaction since Osaka (EIP-7594).
const OSAKA_BLOBS_MAX: u64 = 6;

/// Flags of `assay stf statetest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, or folders with `.json` files in them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only the tests of this fork, such as Cancun; may be given more than once.
    #[arg(long, value_name = "NAME")]
    fork: Vec<String>,
    /// Print the totals as a JSON object.
    #[arg(long)]
    json: bool,
}

/// What came of one file.
#[derive(Default)]
struct Tally {
    /// By fork: passed, failed.
    forks: BTreeMap<String, (u64, u64)>,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (fork, (passed, failed)) in other.forks {
            let sum = self.forks.entry(fork).or_default();
            *sum = (sum.0 + passed, sum.1 + failed);
        }
        self.failures.extend(other.failures);
    }
}

/// Runs the files, as many at a time as there are processors.
pub(super) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(fork) = args.fork.iter().find(|fork| spec(fork).is_none()) {
        bail!("no fork is called {fork}; there are {}", FORKS.map(|(name, _)| name).join(", "));
    }
    let mut files = Vec::new();
    for path in &args.paths {
        find(path, 0, &mut files)?;
    }
    ensure!(!files.is_empty(), "no `.json` file in {}", args.paths[0].display());
    let next = AtomicUsize::new(0);
    let work = || -> Result<Tally> {
        let mut tally = Tally::default();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            tally.add(run_file(file, &args.fork).wrap_err_with(|| file.display().to_string())?);
        }
        Ok(tally)
    };
    let mut tally = Tally::default();
    thread::scope(|scope| -> Result<()> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            tally.add(worker.join().map_err(|_| eyre!("a worker panicked: this is a bug"))??);
        }
        Ok(())
    })?;
    print(args, files.len(), &mut tally);
    Ok(ExitCode::from(u8::from(!tally.failures.is_empty())))
}

fn print(args: &Args, files: usize, tally: &mut Tally) {
    tally.failures.sort();
    let passed: u64 = tally.forks.values().map(|(passed, _)| passed).sum();
    let failed: u64 = tally.forks.values().map(|(_, failed)| failed).sum();
    if args.json {
        let forks: BTreeMap<_, _> = tally
            .forks
            .iter()
            .map(|(fork, (passed, failed))| (fork, json!({"passed": passed, "failed": failed})))
            .collect();
        let failures = &tally.failures;
        out::json(&json!({
            "files": files, "passed": passed, "failed": failed, "forks": forks, "failures": failures,
        }));
        return;
    }
    tally.failures.iter().for_each(|failure| out::say!("{failure}"));
    let rows = tally
        .forks
        .iter()
        .map(|(fork, (passed, failed))| [fork.clone(), passed.to_string(), failed.to_string()]);
    out::say!("{}", out::table(["fork", "passed", "failed"], rows));
    out::say!("{files} files: {passed} passed, {failed} failed");
}

fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    ensure!(depth < DEPTH_MAX, "{} lies more than {DEPTH_MAX} folders deep", path.display());
    if !path.is_dir() {
        ensure!(path.exists(), "there is no {}", path.display());
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = path.read_dir().wrap_err_with(|| format!("could not read {}", path.display()))?;
    let mut entries: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "json") {
            find(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}

fn run_file(path: &Path, only: &[String]) -> Result<Tally> {
    let file = std::fs::read(path)?;
    let tests: Tests = serde_json::from_slice(&file).wrap_err("this is no file of state tests")?;
    let mut tally = Tally::default();
    for (name, test) in &tests {
        let posts = test.post.iter().filter(|(fork, _)| only.is_empty() || only.contains(fork));
        for (fork, posts) in posts {
            for post in posts {
                let (passed, failed) = tally.forks.entry(fork.clone()).or_default();
                match run_test(test, fork, post) {
                    Ok(()) => *passed += 1,
                    Err(error) => {
                        *failed += 1;
                        tally.failures.push(format!("{} {fork} {name}: {error:#}", path.display()));
                    }
                }
            }
        }
    }
    Ok(tally)
}

/// The forks that have rules of their own for a transaction.
const FORKS: [(&str, SpecId); 16] = [
    ("Frontier", SpecId::FRONTIER),
    ("Homestead", SpecId::HOMESTEAD),
    ("EIP150", SpecId::TANGERINE),
    ("TangerineWhistle", SpecId::TANGERINE),
    ("EIP158", SpecId::SPURIOUS_DRAGON),
    ("SpuriousDragon", SpecId::SPURIOUS_DRAGON),
    ("Byzantium", SpecId::BYZANTIUM),
    ("ConstantinopleFix", SpecId::PETERSBURG),
    ("Istanbul", SpecId::ISTANBUL),
    ("Berlin", SpecId::BERLIN),
    ("London", SpecId::LONDON),
    ("Paris", SpecId::MERGE),
    ("Shanghai", SpecId::SHANGHAI),
    ("Cancun", SpecId::CANCUN),
    ("Prague", SpecId::PRAGUE),
    ("Osaka", SpecId::OSAKA),
];

fn spec(fork: &str) -> Option<SpecId> {
    FORKS.iter().find(|(name, _)| *name == fork).map(|(_, spec)| *spec)
}

fn run_test(test: &Test, fork: &str, post: &Post) -> Result<()> {
    let spec = spec(fork).ok_or_else(|| eyre!("no fork is called {fork}"))?;
    let mut rules = Rules::ethereum(spec, CHAIN_ID);
    let schedule = test.config.blob_schedule.get(fork);
    let most = schedule.map_or(0, |schedule| schedule.max.saturating_to());
    rules.evm.max_blobs_per_tx = Some(if spec >= SpecId::OSAKA { OSAKA_BLOBS_MAX } else { most });
    let fraction = schedule.map_or(1, |schedule| schedule.base_fee_update_fraction.saturating_to());

    let pre = pre_state(test);
    let Some(tx) = transaction(test, post)? else {
        ensure!(post.expect_exception.is_some(), "no transaction has this form");
        return Ok(());
    };
    let mut executor = Executor::new(&rules, block(test, spec, fraction), pre.over(EmptyDB::new()));
    let result = executor.transact(tx, Charge::Ethereum)?;
    let changes = executor.state().changes();
    let mut trie = StateTrie::empty();
    trie.apply(&pre)?;
    let root = trie.apply(&changes)?;
    let mut whole = pre;
    whole.extend(changes);
    let from_nothing = StateTrie::empty().apply(&whole)?;
    ensure!(from_nothing == root, "the trie gives {root} in two steps and {from_nothing} in one");
    let logs = match (&result, &post.expect_exception) {
        (Ok(_), Some(exception)) => bail!("accepted, but must be refused: {exception}"),
        (Err(error), None) => bail!("refused: {error}"),
        (Ok(ExecutionResult::Success { logs, .. }), None) => logs.clone(),
        _ => Vec::new(),
    };
    ensure!(root == post.hash, "the state root is {root}, must be {}", post.hash);
    let logs = keccak256(alloy::rlp::encode(logs));
    ensure!(logs == post.logs, "the hash of the logs is {logs}, must be {}", post.logs);
    Ok(())
}

fn pre_state(test: &Test) -> StateChanges {
    let mut state = StateChanges::default();
    for (address, account) in &test.pre {
        let code_hash = keccak256(&account.code);
        let change = state.accounts.entry(*address).or_default();
        let nonce = account.nonce.saturating_to();
        change.account = Some(Account { nonce, balance: account.balance, code_hash });
        change.storage.extend(&account.storage);
        state.codes.insert(code_hash, account.code.clone());
    }
    state
}

fn block(test: &Test, spec: SpecId, fraction: u64) -> BlockEnv {
    let env = &test.env;
    let mut block = BlockEnv {
        number: env.current_number,
        beneficiary: env.current_coinbase,
        timestamp: env.current_timestamp,
        gas_limit: env.current_gas_limit.saturating_to(),
        basefee: env.current_base_fee.saturating_to(),
        difficulty: env.current_difficulty,
        prevrandao: (spec >= SpecId::MERGE).then(|| env.current_random.unwrap_or(B256::ZERO)),
        ..Default::default()
    };
    block.set_blob_excess_gas_and_price(env.current_excess_blob_gas.saturating_to(), fraction.max(1));
    block
}

/// The transaction that `post` means; `None` where its type has no such form: a creation by a type that only calls, or a number
/// that its field cannot hold.
fn transaction(test: &Test, post: &Post) -> Result<Option<TxEnv>> {
    let (tx, at) = (&test.transaction, &post.indexes);
    let access = tx.access_lists.get(at.data).and_then(Option::as_ref);
    let tx_type = match () {
        () if tx.authorization_list.is_some() => 4,
        () if tx.blob_versioned_hashes.is_some() => 3,
        () if tx.max_fee_per_gas.is_some() => 2,
        () if access.is_some() => 1,
        () => 0,
    };
    if tx_type >= 3 && tx.to.is_none() {
        return Ok(None);
    }
    let mut authorizations = Vec::new();
    for item in tx.authorization_list.iter().flatten() {
        let (Ok(nonce), Ok(parity)) = (item.nonce.try_into(), item.v.try_into()) else { return Ok(None) };
        let inner = Authorization { chain_id: item.chain_id, address: item.address, nonce };
        let signed = SignedAuthorization::new_unchecked(inner, parity, item.r, item.s);
        authorizations.push(Either::Left(signed));
    }
    let missing = |what: &str| eyre!("the transaction has no {what} with the index that `post` names");
    let gas: U256 = *tx.gas_limit.get(at.gas).ok_or_else(|| missing("gas limit"))?;
    Ok(Some(TxEnv {
        tx_type,
        caller: tx.sender,
        gas_limit: gas.saturating_to(),
        gas_price: tx.max_fee_per_gas.unwrap_or(tx.gas_price).saturating_to(),
        gas_priority_fee: tx.max_priority_fee_per_gas.map(|fee| fee.saturating_to()),
        kind: tx.to.map_or(TxKind::Create, TxKind::Call),
        value: *tx.value.get(at.value).ok_or_else(|| missing("value"))?,
        data: tx.data.get(at.data).ok_or_else(|| missing("data"))?.clone(),
        nonce: tx.nonce.saturating_to(),
        chain_id: (tx_type > 0).then_some(CHAIN_ID),
        access_list: access_list(access.map(Vec::as_slice).unwrap_or_default()),
        blob_hashes: tx.blob_versioned_hashes.clone().unwrap_or_default(),
        max_fee_per_blob_gas: tx.max_fee_per_blob_gas.saturating_to(),
        authorization_list: authorizations,
    }))
}
