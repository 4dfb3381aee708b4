#![doc = include_str!("../README.md")]
// sol! copies no documentation from an ABI, names modules after contracts and functions after
// Solidity's, and takes as many arguments as they do.
#![allow(missing_docs, clippy::too_many_arguments)]

use alloy::primitives::Bytes;

/// Init code followed by ABI-encoded constructor arguments.
pub fn with_args(init_code: &Bytes, args: &[u8]) -> Bytes {
    [init_code, args].concat().into()
}

/// One module for each artifact of the same name.
macro_rules! contracts {
    ($($name:ident, $artifact:literal;)*) => {
        $(alloy::sol!(
            #[sol(rpc)]
            #[derive(Debug, PartialEq, Eq)]
            $name,
            $artifact
        );)*
    };
}

contracts! {
    Inbox, "artifacts/Inbox.json";
    Portal, "artifacts/Portal.json";
    Clock, "artifacts/Clock.json";
    Beacon, "artifacts/Beacon.json";
    DataFee, "artifacts/DataFee.json";
    FeeVault, "artifacts/FeeVault.json";
    MessagePasser, "artifacts/MessagePasser.json";
    Registry, "artifacts/Registry.json";
    Market, "artifacts/Market.json";
    Machine, "artifacts/Machine.json";
    Oracle, "artifacts/Oracle.json";
}
