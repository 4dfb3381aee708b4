//! What the front end refuses, and that it never panics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use assay_ptx::{Image, Refusal, print};

fn with(statement: &str) -> Result<Image, Refusal> {
    Image::from_ptx(&format!(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{{\n.reg .pred %p<4>;\n.reg .b32 %r<8>;\n\
         .reg .f32 %f<8>;\n.reg .b64 %rd<8>;\nld.param.u64 %rd1, [p];\n{statement}\nret;\n}}\n"
    ))
}

#[test]
fn each_refusal_names_line_reason_and_alternative() {
    let cases = [
        ("ex2.approx.ftz.f32 %f1, %f2;", "approximations", "made of .rn"),
        ("rsqrt.approx.f32 %f1, %f2;", "approximations", "rcp.rn"),
        ("div.approx.f32 %f1, %f2, %f3;", "approximate", "div.rn"),
        ("div.full.f32 %f1, %f2, %f3;", "approximation", "div.rn"),
        ("add.rn.ftz.f32 %f1, %f2, %f3;", "subnormals", "-ftz=false"),
        ("atom.global.cas.b32 %r1, [%rd1], %r2, %r3;", "order in which threads arrive", "red.add"),
        ("atom.global.add.f32 %f1, [%rd1], %f2;", "sum of floats", "fixed order"),
        (
            "atom.global.add.u32 %r1, [%rd1], %r2;\nst.global.u32 [%rd1], %r1;",
            "result of an atomic",
            "not used",
        ),
        ("shfl.down.b32 %r1, %r2, 1, 31;", "without .sync", ".sync"),
        ("activemask.b32 %r1;", "active lanes", "constant mask"),
        ("mov.u32 %r1, %clock;", "time", ""),
        ("mov.u32 %r1, %smid;", "where a thread runs", "%tid"),
        ("bar.sync 1;", "barrier 0", "__syncthreads"),
        ("call.uni f, (%r1);", "not inlined", "__forceinline__"),
        ("wmma.load.a.sync %r1;", "matrix", "dp4a"),
        ("ld.acquire.gpu.u32 %r1, [%rd1];", "cannot synchronise", "second launch"),
        ("tex.2d.v4.f32.s32 {%f1, %f2, %f3, %f4}, [%rd1, {%r1, %r2}];", "textures", "ld.global"),
        ("add.u32 %r1, %rd1, %r2;", "wrong width", ""),
        ("bra NOWHERE;", "does not exist", ""),
        ("frobnicate.u32 %r1;", "does not have", ""),
        ("add.u32 %r1, %r99, 1;", "not declared", ""),
        ("cvt.s32.f32 %r1, %f1;", "rounding", ""),
        ("add.rn.f16 %r1, %r2, %r3;", "second step", "f32"),
    ];
    for (statement, reason, instead) in cases {
        let r = with(statement).expect_err(statement);
        assert!(r.reason.contains(reason), "{statement}: {r}");
        assert!(r.instead.contains(instead), "{statement}: {r}");
        assert!((11..=12).contains(&r.line), "{statement}: {r}");
        assert!(!r.instruction.is_empty(), "{statement}");
    }
}

#[test]
fn rewrites_give_the_explicit_form() {
    for (from, to) in [
        ("add.f32 %f1, %f2, %f3;", "add.rn.f32"),
        ("mad.f32 %f1, %f2, %f3, %f4;", "fma.rn.f32"),
        ("atom.global.add.u32 %r1, [%rd1], %r2;", "red.global.add.u32"),
        ("ld.u32 %r1, [%rd1];", "ld.global.b32"),
        ("ld.volatile.global.f32 %f1, [%rd1];", "ld.global.b32"),
        ("{ .reg .b32 %r1; mov.u32 %r1, 5; st.global.u32 [%rd1], %r1; }", "st.global.b32"),
        ("membar.gl; exit;", "ret;"),
    ] {
        let text = print(&with(from).unwrap_or_else(|e| panic!("{e}")));
        assert!(text.contains(to), "{from}: {text}");
    }
}

/// Mutations of real PTX: never a panic; whatever is accepted survives printing.
#[test]
fn mutated_text_is_refused_or_canonical() {
    let seeds = [
        include_str!("../kernels/saxpy.ptx"),
        include_str!("../kernels/warp_reduce.ptx"),
        include_str!("../kernels/clang/dp4a_matmul.ptx"),
        include_str!("../kernels/clang/hash.ptx"),
    ];
    let mut x = 0x9E37_79B9_7F4A_7C15u64;
    let mut dice = |n: usize| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x % n as u64) as usize
    };
    let words = [
        ".f32",
        ".rn",
        "%r1",
        "%rd1",
        "-1",
        "0xFFFFFFFFFFFFFFFF",
        "{",
        "}",
        "[",
        "]",
        ";",
        "|",
        "!",
        "@%p1",
        ".v4",
        "_",
        "$L__BB0_2",
        "%tid.x",
        "\0",
        "é",
        ".",
    ];
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..6000 {
        let seed = seeds[dice(seeds.len())];
        let mut text = seed.to_string();
        for _ in 0..1 + dice(3) {
            let at = (0..).map(|_| dice(text.len())).find(|at| text.is_char_boundary(*at)).unwrap();
            match dice(4) {
                0 => text.insert_str(at, words[dice(words.len())]),
                1 => drop(text.remove(at)),
                2 => text.truncate(at.max(1)),
                _ => {
                    // Swap two lines.
                    let mut lines: Vec<&str> = text.lines().collect();
                    let (a, b) = (dice(lines.len()), dice(lines.len()));
                    lines.swap(a, b);
                    text = lines.join("\n");
                }
            }
        }
        match Image::from_ptx(&text) {
            Ok(image) => {
                accepted += 1;
                assert_eq!(Image::from_ptx(&print(&image)).as_ref(), Ok(&image), "{text}");
                assert_eq!(Image::decode(&image.encode()), Ok(image));
            }
            Err(refusal) => {
                refused += 1;
                assert!(!refusal.reason.is_empty());
            }
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
}
