//! Why an instruction or modifier is not in the profile, and what to use instead.

use crate::lower::Why;

const fn why(reason: &'static str, instead: &'static str) -> Why {
    Why { reason, instead }
}

/// The reason for a modifier that stands on an instruction of the profile.
pub(crate) fn modifier(word: &str) -> Option<Why> {
    Some(match word {
        "approx" => why(
            "approximate results differ between devices",
            "the .rn form (div.rn, rcp.rn, sqrt.rn; -prec-div=true -prec-sqrt=true)",
        ),
        "full" => why("div.full is an approximation that differs between devices", "div.rn (-prec-div=true)"),
        "ftz" => why("flushing subnormals is not in the profile", "compile with -ftz=false"),
        "f16" | "f16x2" => {
            why("f16 arithmetic comes with the second step of the profile", "f32, or loads and stores as b16")
        }
        "bf16" | "bf16x2" | "tf32" | "e4m3x2" | "e5m2x2" => {
            why("this float format is not in the profile", "f32")
        }
        "b128" => why("128-bit registers are not in the profile", "two b64"),
        "cas" | "exch" | "inc" | "dec" => why(
            "the result depends on the order in which threads arrive",
            "red.add, min, max, and, or, xor on integers",
        ),
        "acquire" | "release" | "acq_rel" | "sc" => {
            why("blocks of one launch cannot synchronise", "a second launch")
        }
        "NaN" | "xorsign" | "relu" | "satfinite" | "rs" => {
            why("this variant is not in the profile", "setp and selp")
        }
        "cluster" => why("clusters are not in the profile", "one block"),
        _ => return None,
    })
}

/// The reason for an instruction that the profile never has, or does not have yet.
pub(crate) fn never(base: &str) -> Option<Why> {
    Some(match base {
        "sin" | "cos" | "ex2" | "lg2" | "tanh" | "rsqrt" => why(
            "hardware approximations differ between devices",
            "functions made of .rn operations; rcp.rn(sqrt.rn(x)) for rsqrt",
        ),
        "tex" | "tld4" | "txq" | "suld" | "sust" | "sured" | "suq" => {
            why("textures and surfaces are not in the profile", "ld.global.nc")
        }
        "mma" | "wmma" | "wgmma" | "ldmatrix" | "stmatrix" | "tcgen05" => why(
            "matrix instructions are not in the profile yet, and on floats their rounding is unspecified",
            "fma.rn, or dp4a for int8",
        ),
        "activemask" => why(
            "the set of active lanes is not defined by the program",
            "a constant mask and .sync instructions",
        ),
        "call" => why("the call was not inlined", "__forceinline__ on the function"),
        "brx" => why(
            "branches through tables come with the second step of the profile",
            "if/else, or -fno-jump-tables",
        ),
        "cp" => {
            why("asynchronous copies come with the second step of the profile", "ld.global and st.shared")
        }
        "mbarrier" | "elect" | "griddepcontrol" | "mapa" | "getctarank" => {
            why("clusters and asynchronous barriers are not in the profile", "bar.sync 0")
        }
        "nanosleep" | "brkpt" | "pmevent" | "setmaxnreg" => {
            why("it has no meaning in a proof", "nothing: remove it")
        }
        "alloca" | "stacksave" | "stackrestore" => {
            why("stack memory of unknown size is not in the profile", "arrays of constant size")
        }
        "isspacep" => why("pointer values must not reach data", "pointers whose space the compiler knows"),
        "prefetch" | "prefetchu" | "applypriority" | "discard" | "createpolicy" => {
            why("cache control is not in the profile", "nothing: remove it")
        }
        "vadd" | "vsub" | "vabsdiff" | "vmin" | "vmax" | "vset" | "vadd4" | "vsub4" | "vabsdiff4"
        | "vmax4" | "vmin4" | "vmad" => {
            why("video instructions are not in the profile", "scalar integer arithmetic or dp4a")
        }
        _ => return None,
    })
}

/// The reason for a name that means something in PTX, but not in the profile.
pub(crate) fn name(name: &str) -> Why {
    match name {
        n if n.starts_with("%clock") || n.starts_with("%globaltimer") => {
            why("time is not a function of the program", "")
        }
        n if n.starts_with("%smid")
            || n.starts_with("%nsmid")
            || n.starts_with("%warpid")
            || n.starts_with("%nwarpid")
            || n.starts_with("%gridid") =>
        {
            why("where a thread runs is not a function of the program", "%tid, %ctaid, %laneid")
        }
        n if n.starts_with("%envreg")
            || n.starts_with("%pm")
            || n.starts_with("%dynamic_smem")
            || n.starts_with("%total_smem")
            || n.starts_with("%cluster") =>
        {
            why("this special register is not in the profile", "a kernel parameter")
        }
        _ => Why::new("a name that was not declared"),
    }
}
