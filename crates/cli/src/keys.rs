//! Where private keys come from: a keystore file with a password file, or, on development chains only, the environment.

use std::path::{Path, PathBuf};

use alloy::signers::local::PrivateKeySigner;
use eyre::{Result, WrapErr, bail, eyre};

/// The L1 chain ids on which a raw private key is accepted: those of anvil and hardhat.
const DEV_L1_CHAINS: [u64; 2] = [31337, 1337];

/// Where to find a key. Never a secret in a flag: flags end up in process lists and shell histories.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct KeyArgs {
    /// Encrypted keystore file (Web3 Secret Storage, as geth, foundry and `assay keys new` write it).
    #[arg(long, value_name = "FILE", env = "ASSAY_KEYSTORE")]
    pub(crate) keystore: Option<PathBuf>,
    /// File whose first line is the keystore's password.
    #[arg(long, value_name = "FILE", env = "ASSAY_PASSWORD_FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key if one was given, else one that nobody has used: for commands that only read.
    pub(crate) fn load_or_new(&self, l1_chain_id: u64) -> Result<PrivateKeySigner> {
        match self.keystore.is_none() && std::env::var_os("ASSAY_DEV_KEY").is_none() {
            true => Ok(PrivateKeySigner::random()),
            false => self.load(l1_chain_id),
        }
    }

    /// Decrypts the keystore, or takes `ASSAY_DEV_KEY` from the environment when the L1 is a development chain.
    pub(crate) fn load(&self, l1_chain_id: u64) -> Result<PrivateKeySigner> {
        if let Some(file) = &self.keystore {
            let password = match &self.password_file {
                Some(path) => read_password(path)?,
                None => {
                    bail!("--keystore needs --password-file with the keystore's password on its first line")
                }
            };
            return PrivateKeySigner::decrypt_keystore(file, password)
                .wrap_err_with(|| format!("could not open the keystore {}", file.display()));
        }
        let Ok(secret) = std::env::var("ASSAY_DEV_KEY") else {
            bail!("no key: give --keystore FILE and --password-file FILE (make one with `assay keys new`)");
        };
        if !DEV_L1_CHAINS.contains(&l1_chain_id) {
            bail!(
                "ASSAY_DEV_KEY is for development chains only and the L1 has chain id {l1_chain_id}: use a keystore"
            );
        }
        secret
            .trim()
            .parse()
            .map_err(|_| eyre!("ASSAY_DEV_KEY is not a private key: 32 bytes of hex expected"))
    }
}

/// The first line of a password file.
pub(crate) fn read_password(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .wrap_err_with(|| format!("could not read the password file {}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::signers::k256::elliptic_curve::rand_core::OsRng;

    #[test]
    fn refuses_to_guess_a_key() {
        let error = KeyArgs { keystore: Some("k.json".into()), password_file: None }.load(31337).unwrap_err();
        assert!(error.to_string().contains("--password-file"), "{error}");
    }

    #[test]
    fn opens_what_it_wrote_and_nothing_with_a_wrong_password() {
        let dir = tempfile::tempdir().unwrap();
        let signer = PrivateKeySigner::random();
        PrivateKeySigner::encrypt_keystore(dir.path(), &mut OsRng, signer.to_bytes(), "correct", Some("k"))
            .unwrap();
        let (right, wrong) = (dir.path().join("right"), dir.path().join("wrong"));
        std::fs::write(&right, "correct\n").unwrap();
        std::fs::write(&wrong, "guess\n").unwrap();
        let keystore = Some(dir.path().join("k"));
        let opened = KeyArgs { keystore: keystore.clone(), password_file: Some(right) }.load(1).unwrap();
        assert_eq!(opened.address(), signer.address());
        assert!(KeyArgs { keystore, password_file: Some(wrong) }.load(1).is_err());
    }
}
