//! Oracle values from a folder.

use std::{collections::HashMap, path::Path};

use alloy::primitives::{B256, Bytes, hex, keccak256};
use assay_machine::Oracle;
use assay_primitives::{OracleKey, limits::PREIMAGE_BYTES_MAX};
use eyre::{Result, WrapErr, bail};
use sha2::{Digest, Sha256};

/// Most files of a folder.
const FILES_MAX: usize = 1 << 20;

/// Values by key, and which was asked for last.
#[derive(Debug, Default)]
pub(super) struct Preimages {
    values: HashMap<OracleKey, Bytes>,
    asked: Option<OracleKey>,
}

impl Preimages {
    /// The files of `dir`; none without a folder.
    pub(super) fn open(dir: Option<&Path>) -> Result<Self> {
        let mut preimages = Self::default();
        let Some(dir) = dir else { return Ok(preimages) };
        let files = std::fs::read_dir(dir).wrap_err_with(|| format!("could not read {}", dir.display()))?;
        for (count, file) in files.enumerate() {
            let path = file?.path();
            if count == FILES_MAX {
                bail!("{} holds more than {FILES_MAX} files", dir.display());
            }
            if path.is_file() {
                preimages.add(&path).wrap_err_with(|| format!("oracle value {}", path.display()))?;
            }
        }
        Ok(preimages)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let len = std::fs::metadata(path)?.len();
        if len > PREIMAGE_BYTES_MAX as u64 {
            bail!("{len} bytes, but a value has {PREIMAGE_BYTES_MAX} at most");
        }
        let value = Bytes::from(std::fs::read(path)?);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(digits) = name.strip_prefix("0x").filter(|digits| digits.len() == 64) {
            let key = OracleKey::parse(B256::from(hex::FromHex::from_hex(digits).map(|b: [u8; 32]| b)?));
            let Some(key) = key else { bail!("its name is no key: the first byte must be 02, 04, 05 or 06") };
            self.values.insert(key, value);
            return Ok(());
        }
        self.values.insert(OracleKey::keccak(keccak256(&value)), value.clone());
        self.values.insert(OracleKey::sha256(B256::new(Sha256::digest(&value).into())), value);
        Ok(())
    }

    /// The key asked for last, with its value.
    pub(super) fn asked(&self) -> Option<(OracleKey, &Bytes)> {
        let key = self.asked?;
        Some((key, self.values.get(&key)?))
    }
}

impl Oracle for Preimages {
    fn preimage(&mut self, key: OracleKey) -> Option<Bytes> {
        self.asked = Some(key);
        self.values.get(&key).cloned()
    }

    fn hint(&mut self, bytes: &[u8]) {
        tracing::info!(hint = %String::from_utf8_lossy(bytes).trim_end(), "the program says");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_hashes_or_by_their_name() {
        let dir = tempfile::tempdir().unwrap();
        let blob = OracleKey::blob(B256::repeat_byte(1), 7);
        std::fs::write(dir.path().join("value"), b"abc").unwrap();
        std::fs::write(dir.path().join(blob.as_b256().to_string()), [9; 32]).unwrap();
        let mut preimages = Preimages::open(Some(dir.path())).unwrap();
        let keccak = OracleKey::keccak(keccak256(b"abc"));
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse().unwrap();
        assert_eq!(preimages.preimage(keccak).unwrap()[..], *b"abc");
        assert_eq!(preimages.preimage(OracleKey::sha256(sha256)).unwrap()[..], *b"abc");
        assert_eq!(preimages.preimage(blob).unwrap()[..], [9; 32]);
        assert_eq!(preimages.asked().unwrap().0, blob);
        assert_eq!(preimages.preimage(OracleKey::keccak(B256::ZERO)), None);
        assert_eq!(preimages.asked(), None);
    }

    #[test]
    fn refuses_what_can_be_no_value() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("long"), vec![0; PREIMAGE_BYTES_MAX + 1]).unwrap();
        let error = format!("{:#}", Preimages::open(Some(dir.path())).unwrap_err());
        assert!(error.contains("65537 bytes"), "{error}");
        std::fs::remove_file(dir.path().join("long")).unwrap();
        std::fs::write(dir.path().join(B256::ZERO.to_string()), b"").unwrap();
        let error = format!("{:#}", Preimages::open(Some(dir.path())).unwrap_err());
        assert!(error.contains("no key"), "{error}");
    }
}
