//! Identifiers that must not be mixed up.

use alloy_primitives::B256;
use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

id!(
    /// The machine's program: `keccak(codeRoot, initialMemoryRoot, entry)`.
    ProgramId(B256)
);
id!(
    /// A kernel image: the page root of its canonical encoding.
    ImageId(B256)
);
id!(
    /// A job plan: the page root of its canonical encoding.
    PlanRoot(B256)
);
id!(
    /// A job of the market, counted from one.
    JobId(u64)
);
id!(
    /// Executed instructions, weighted by the table of the profile.
    WorkUnits(u64)
);
