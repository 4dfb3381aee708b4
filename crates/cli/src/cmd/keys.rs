//! `assay keys`: keystore files in the format that geth, Foundry and wallets read.

use std::path::PathBuf;

use alloy::signers::{k256::elliptic_curve::rand_core::OsRng, local::PrivateKeySigner};
use clap::Subcommand;
use eyre::{Result, WrapErr, bail};
use serde_json::json;

use crate::{
    keys::{KeyArgs, read_password},
    out,
};

/// What to do with keystores.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new random key and write it encrypted.
    New {
        /// The file to write; it must not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// File whose first line is the password to encrypt with.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print the address of a keystore.
    Address {
        #[command(flatten)]
        key: KeyArgs,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs `assay keys`.
pub(crate) fn run(command: &Command) -> Result<()> {
    let (signer, json) = match command {
        Command::New { file, password_file, json } => (create(file, &read_password(password_file)?)?, *json),
        // Chain id 0 is no development chain: only a keystore will do.
        Command::Address { key, json } => (key.load(0)?, *json),
    };
    if json {
        out::json(&json!({ "address": signer.address() }));
    } else {
        out::say!("{}", signer.address());
    }
    Ok(())
}

fn create(file: &std::path::Path, password: &str) -> Result<PrivateKeySigner> {
    if password.is_empty() {
        bail!("the password is empty: write one on the first line of the password file");
    }
    if file.exists() {
        bail!("{} exists already and is not overwritten", file.display());
    }
    let (Some(name), Some(folder)) = (file.file_name().and_then(|n| n.to_str()), file.parent()) else {
        bail!("{} is not a file name", file.display());
    };
    let folder = if folder.as_os_str().is_empty() { std::path::Path::new(".") } else { folder };
    let signer = PrivateKeySigner::random();
    PrivateKeySigner::encrypt_keystore(folder, &mut OsRng, signer.to_bytes(), password, Some(name))
        .wrap_err_with(|| format!("could not write {}", file.display()))?;
    Ok(signer)
}
