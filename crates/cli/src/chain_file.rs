//! The chain file, `deploy/config/<chain>.json`: what every node of one chain agrees on.

use std::path::Path;

use alloy::primitives::{Address, B256};
use assay_l1::Deployment;
use assay_primitives::ChainConfig;
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};

/// Parameters, contracts and the first block of one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainFile {
    /// A name for people.
    pub(crate) name: String,
    /// Protocol parameters.
    pub(crate) protocol: ChainConfig,
    /// The contracts on L1.
    pub(crate) contracts: Contracts,
    /// Hash of block 0, which follows from the parameters: a program that builds another one does not fit.
    pub(crate) genesis_hash: B256,
}

/// Where the contracts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contracts {
    /// The Inbox.
    pub(crate) inbox: Address,
    /// The Portal.
    pub(crate) portal: Address,
    /// L1 block that created the Inbox.
    pub(crate) start_block: u64,
}

impl From<Deployment> for Contracts {
    fn from(d: Deployment) -> Self {
        Self { inbox: d.inbox, portal: d.portal, start_block: d.start_block }
    }
}

impl ChainFile {
    /// Reads and checks a chain file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .wrap_err_with(|| format!("could not read the chain file {}", path.display()))?;
        let file: Self = serde_json::from_str(&text).wrap_err_with(|| {
            format!("{} is not a chain file as `assay deploy` writes it", path.display())
        })?;
        file.protocol
            .check()
            .wrap_err_with(|| format!("{}: the parameters contradict each other", path.display()))?;
        let found = genesis_hash(&file.protocol)?;
        if found != file.genesis_hash {
            bail!(
                "{} says that block 0 is {}, this program builds {found} from its parameters: \
                 use the program version the chain was deployed with",
                path.display(),
                file.genesis_hash
            );
        }
        Ok(file)
    }

    /// Writes the file whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let part = path.with_extension("part");
        std::fs::write(&part, text).wrap_err_with(|| format!("could not write {}", part.display()))?;
        std::fs::rename(&part, path).wrap_err_with(|| format!("could not write {}", path.display()))
    }
}

/// Hash of block 0 of the chain with these parameters.
pub(crate) fn genesis_hash(config: &ChainConfig) -> Result<B256> {
    Ok(assay_node::genesis(config.clone()).build()?.0.hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> ChainFile {
        let protocol = ChainConfig::dev();
        let contracts =
            Contracts { inbox: Address::repeat_byte(1), portal: Address::repeat_byte(2), start_block: 3 };
        ChainFile { name: "test".into(), genesis_hash: genesis_hash(&protocol).unwrap(), protocol, contracts }
    }

    #[test]
    fn reads_what_it_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chain.json");
        file().write(&path).unwrap();
        assert_eq!(ChainFile::read(&path).unwrap(), file());
    }

    #[test]
    fn refuses_a_wrong_genesis_and_says_both_hashes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chain.json");
        let mut wrong = file();
        wrong.genesis_hash = B256::repeat_byte(9);
        wrong.write(&path).unwrap();
        let error = ChainFile::read(&path).unwrap_err().to_string();
        assert!(error.contains(&file().genesis_hash.to_string()), "{error}");
        assert!(error.contains(&wrong.genesis_hash.to_string()), "{error}");
    }
}
