//! Operations and their modifiers, with the words PTX has for them.

use crate::launch::Space;

/// Declares a byte-sized enumeration with its decoding and its PTX word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum $name { $($variant = $code),* }

        #[allow(dead_code, reason = "not every enumeration is read from text")]
        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            pub(crate) fn from_byte(byte: u8) -> Option<Self> {
                Some(match byte { $($code => Self::$variant,)* _ => return None })
            }

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub(crate) fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|x| x.word() == word)
            }
        }
    };
}

words! {
    /// Operand types.
    Ty {
        None = 0 "", Pred = 1 "pred",
        B8 = 2 "b8", B16 = 3 "b16", B32 = 4 "b32", B64 = 5 "b64",
        U8 = 6 "u8", U16 = 7 "u16", U32 = 8 "u32", U64 = 9 "u64",
        S8 = 10 "s8", S16 = 11 "s16", S32 = 12 "s32", S64 = 13 "s64",
        F32 = 14 "f32", F64 = 15 "f64",
    }
}

impl Ty {
    /// Width in bits; a predicate has one, nothing has none.
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Pred => 1,
            Self::B8 | Self::U8 | Self::S8 => 8,
            Self::B16 | Self::U16 | Self::S16 => 16,
            Self::B32 | Self::U32 | Self::S32 | Self::F32 => 32,
            Self::B64 | Self::U64 | Self::S64 | Self::F64 => 64,
        }
    }

    pub(crate) const fn bytes(self) -> u32 {
        self.bits() / 8
    }

    pub(crate) const fn is_signed(self) -> bool {
        matches!(self, Self::S8 | Self::S16 | Self::S32 | Self::S64)
    }

    pub(crate) const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    pub(crate) const fn is_int(self) -> bool {
        matches!(self, Self::U16 | Self::U32 | Self::U64 | Self::S16 | Self::S32 | Self::S64)
    }

    pub(crate) const fn is_untyped(self) -> bool {
        matches!(self, Self::B8 | Self::B16 | Self::B32 | Self::B64)
    }

    /// All ones in the type's width.
    pub(crate) const fn mask(self) -> u64 {
        match self.bits() {
            64 => u64::MAX,
            bits => (1 << bits) - 1,
        }
    }

    /// The untyped type of the same width (predicates stay predicates).
    pub(crate) const fn untyped(self) -> Self {
        match self.bits() {
            8 => Self::B8,
            16 => Self::B16,
            32 => Self::B32,
            64 => Self::B64,
            _ => self,
        }
    }

    /// The unsigned integer type of the same width.
    pub(crate) const fn unsigned(self) -> Self {
        match self.bits() {
            8 => Self::U8,
            16 => Self::U16,
            32 => Self::U32,
            64 => Self::U64,
            _ => self,
        }
    }

    /// The integer type of twice the width with the same sign.
    pub(crate) const fn wide(self) -> Self {
        match self {
            Self::U16 => Self::U32,
            Self::U32 => Self::U64,
            Self::S16 => Self::S32,
            Self::S32 => Self::S64,
            _ => Self::None,
        }
    }
}

words! {
    /// Operations. The byte is the encoding.
    Op {
        Mov = 1 "mov", Pack = 2 "mov", Unpack = 3 "mov",
        Add = 8 "add", Sub = 9 "sub", MulLo = 10 "mul", MulHi = 11 "mul", MulWide = 12 "mul",
        MadLo = 13 "mad", MadHi = 14 "mad", MadWide = 15 "mad", Div = 16 "div", Rem = 17 "rem",
        Abs = 18 "abs", Neg = 19 "neg", Min = 20 "min", Max = 21 "max", Sad = 22 "sad",
        Mul24Lo = 23 "mul24", Mad24Lo = 24 "mad24",
        AddC = 25 "add", SubC = 26 "sub", MadLoC = 27 "mad", MadHiC = 28 "mad",
        Popc = 32 "popc", Clz = 33 "clz", Brev = 34 "brev", Bfind = 35 "bfind", Bfe = 36 "bfe", Bfi = 37 "bfi",
        Prmt = 38 "prmt", Dp4a = 39 "dp4a", Dp2a = 40 "dp2a", And = 41 "and", Or = 42 "or", Xor = 43 "xor",
        Not = 44 "not", Cnot = 45 "cnot", Lop3 = 46 "lop3", Shl = 47 "shl", Shr = 48 "shr", ShfL = 49 "shf",
        ShfR = 50 "shf",
        FAdd = 64 "add", FSub = 65 "sub", FMul = 66 "mul", Fma = 67 "fma", FDiv = 68 "div", Rcp = 69 "rcp",
        Sqrt = 70 "sqrt", FAbs = 71 "abs", FNeg = 72 "neg", FMin = 73 "min", FMax = 74 "max",
        Copysign = 75 "copysign", Testp = 76 "testp",
        Setp = 80 "setp", Set = 81 "set", Selp = 82 "selp", Slct = 83 "slct", Cvt = 84 "cvt",
        Ld = 96 "ld", St = 97 "st", Red = 98 "red",
        Bra = 112 "bra", Ret = 113 "ret", Trap = 114 "trap", Bar = 115 "bar", BarRed = 116 "bar",
        BarWarp = 117 "bar",
        Shfl = 120 "shfl", Vote = 121 "vote", Match = 122 "match", Redux = 123 "redux",
    }
}

words! {
    /// Rounding.
    Round { Rn = 0 "rn", Rz = 1 "rz", Rm = 2 "rm", Rp = 3 "rp" }
}

words! {
    /// Comparisons. The last ten are of floats: unordered forms, and number tests.
    Cmp {
        Eq = 0 "eq", Ne = 1 "ne", Lt = 2 "lt", Le = 3 "le", Gt = 4 "gt", Ge = 5 "ge",
        Equ = 6 "equ", Neu = 7 "neu", Ltu = 8 "ltu", Leu = 9 "leu", Gtu = 10 "gtu", Geu = 11 "geu",
        Num = 12 "num", Nan = 13 "nan",
    }
}

words! {
    /// How a comparison is combined with a third predicate.
    Combine { None = 0 "", And = 1 "and", Or = 2 "or", Xor = 3 "xor" }
}

words! {
    /// `testp` questions.
    Test { Finite = 0 "finite", Infinite = 1 "infinite", Number = 2 "number", NotANumber = 3 "notanumber", Normal = 4 "normal", Subnormal = 5 "subnormal" }
}

words! {
    /// What an atomic reduction does.
    RedOp { Add = 0 "add", Min = 1 "min", Max = 2 "max", And = 3 "and", Or = 4 "or", Xor = 5 "xor" }
}

words! {
    /// `shfl.sync` modes.
    ShflMode { Up = 0 "up", Down = 1 "down", Bfly = 2 "bfly", Idx = 3 "idx" }
}

words! {
    /// `vote.sync` modes.
    VoteMode { All = 0 "all", Any = 1 "any", Uni = 2 "uni", Ballot = 3 "ballot" }
}

words! {
    /// `bar.red` modes.
    BarRedOp { Popc = 0 "popc", And = 1 "and", Or = 2 "or" }
}

words! {
    /// Special registers in the profile.
    Special {
        TidX = 0 "%tid.x", TidY = 1 "%tid.y", TidZ = 2 "%tid.z",
        NtidX = 3 "%ntid.x", NtidY = 4 "%ntid.y", NtidZ = 5 "%ntid.z",
        CtaidX = 6 "%ctaid.x", CtaidY = 7 "%ctaid.y", CtaidZ = 8 "%ctaid.z",
        NctaidX = 9 "%nctaid.x", NctaidY = 10 "%nctaid.y", NctaidZ = 11 "%nctaid.z",
        LaneId = 12 "%laneid",
        MaskEq = 13 "%lanemask_eq", MaskLt = 14 "%lanemask_lt", MaskLe = 15 "%lanemask_le",
        MaskGt = 16 "%lanemask_gt", MaskGe = 17 "%lanemask_ge",
    }
}

impl Space {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Param, Self::Global, Self::Shared, Self::Local, Self::Const]
            .into_iter()
            .find(|s| *s as u8 == byte)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Param => "param",
            Self::Global => "global",
            Self::Shared => "shared",
            Self::Local => "local",
            Self::Const => "const",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Param, Self::Global, Self::Shared, Self::Local, Self::Const]
            .into_iter()
            .find(|s| s.word() == word)
    }
}
