//! `assay deploy`: the L1 contracts of a new chain.

use std::path::{Path, PathBuf};

use alloy::{
    eips::BlockNumberOrTag,
    network::EthereumWallet,
    primitives::Address,
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use assay_l1::{DeployParams, TxConfig, TxManager, deploy};
use assay_primitives::ChainConfig;
use eyre::{Result, WrapErr, bail, eyre};
use serde_json::json;

use crate::{
    chain_file::{ChainFile, genesis_hash},
    keys::KeyArgs,
    out,
};

/// Flags of `assay deploy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// JSON-RPC of the L1.
    #[arg(long, value_name = "URL", env = "ASSAY_L1")]
    l1: String,
    /// Protocol parameters (JSON); `genesis_time` 0 means the L1's present time.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Account of the hot key that will post batches.
    #[arg(long, value_name = "ADDRESS")]
    sequencer: Address,
    /// Account of the cold key that rotates the hot one; the deployer by default.
    #[arg(long, value_name = "ADDRESS")]
    operator: Option<Address>,
    /// A name for people.
    #[arg(long, default_value = "assay")]
    name: String,
    /// The chain file to write; beside it lies the journal that lets an interrupted run go on.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    key: KeyArgs,
}

/// What to deploy, without flags.
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) l1: reqwest::Url,
    pub(crate) protocol: ChainConfig,
    pub(crate) deployer: PrivateKeySigner,
    pub(crate) operator: Address,
    pub(crate) sequencer: Address,
    pub(crate) out: PathBuf,
}

/// Runs `assay deploy`.
pub(crate) async fn run(args: Args) -> Result<()> {
    let l1: reqwest::Url = args.l1.parse().wrap_err("--l1 is not an URL")?;
    let protocol = read_protocol(&args.config)?;
    let deployer = args.key.load(protocol.l1_chain_id)?;
    let operator = args.operator.unwrap_or(deployer.address());
    let plan = Plan {
        name: args.name,
        l1,
        protocol,
        deployer,
        operator,
        sequencer: args.sequencer,
        out: args.out.clone(),
    };
    let file = ensure(plan).await?;
    if args.json {
        out::json(&json!(file));
        return Ok(());
    }
    let rows = [
        ["inbox".to_owned(), file.contracts.inbox.to_string()],
        ["portal".to_owned(), file.contracts.portal.to_string()],
        ["L1 start block".to_owned(), file.contracts.start_block.to_string()],
        ["genesis hash".to_owned(), file.genesis_hash.to_string()],
        ["chain file".to_owned(), args.out.display().to_string()],
    ];
    out::say!("{}", out::table(["what", "where"], rows));
    Ok(())
}

/// Reads protocol parameters; relations are checked once the genesis time is known.
pub(crate) fn read_protocol(path: &Path) -> Result<ChainConfig> {
    let text = std::fs::read_to_string(path)
        .wrap_err_with(|| format!("could not read the parameters {}", path.display()))?;
    serde_json::from_str(&text)
        .wrap_err_with(|| format!("{} does not hold protocol parameters", path.display()))
}

/// Deploys, goes on where an interrupted run stopped, or finds that everything is done.
pub(crate) async fn ensure(plan: Plan) -> Result<ChainFile> {
    if plan.out.exists() {
        let file = ChainFile::read(&plan.out)?;
        check_there(&plan, &file).await?;
        return Ok(file);
    }
    let part = plan.out.with_extension("deploying");
    let protocol = settle(&plan, &part).await?;
    let manager =
        TxManager::connect(&plan.l1, EthereumWallet::from(plan.deployer.clone()), TxConfig::default())
            .await?;
    let params = DeployParams {
        genesis_hash: genesis_hash(&protocol)?,
        config: protocol,
        sequencer: plan.sequencer,
        operator: plan.operator,
    };
    let deployment = deploy(&manager, &params, &plan.out.with_extension("journal")).await?;
    let file = ChainFile {
        name: plan.name,
        protocol: params.config,
        contracts: deployment.into(),
        genesis_hash: params.genesis_hash,
    };
    file.write(&plan.out)?;
    let _ = std::fs::remove_file(part);
    Ok(file)
}

/// The parameters with their genesis time fixed, the same ones again when an interrupted run goes on.
async fn settle(plan: &Plan, part: &Path) -> Result<ChainConfig> {
    if let Ok(text) = std::fs::read_to_string(part) {
        return serde_json::from_str(&text).wrap_err_with(|| {
            format!(
                "{} is left of an interrupted run and damaged: delete it and the journal beside it",
                part.display()
            )
        });
    }
    let mut protocol = plan.protocol.clone();
    if protocol.genesis_time == 0 {
        let latest = ProviderBuilder::new()
            .connect_http(plan.l1.clone())
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await
            .wrap_err_with(|| format!("the L1 at {} does not answer", plan.l1))?;
        protocol.genesis_time =
            latest.ok_or_else(|| eyre!("the L1 at {} has no blocks", plan.l1))?.header.timestamp;
    }
    protocol.check().wrap_err("the parameters contradict each other")?;
    std::fs::write(part, serde_json::to_string_pretty(&protocol)?)
        .wrap_err_with(|| format!("could not write {}", part.display()))?;
    Ok(protocol)
}

async fn check_there(plan: &Plan, file: &ChainFile) -> Result<()> {
    let l1 = ProviderBuilder::new().connect_http(plan.l1.clone());
    let code = l1
        .get_code_at(file.contracts.inbox)
        .await
        .wrap_err_with(|| format!("the L1 at {} does not answer", plan.l1))?;
    if code.is_empty() {
        bail!(
            "{} names the Inbox {}, and this L1 has no contract there: another L1, or one that was started afresh",
            plan.out.display(),
            file.contracts.inbox
        );
    }
    Ok(())
}
