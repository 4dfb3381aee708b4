//! Programs that GCC and Clang built, against QEMU. Where one of them is missing, the tests say so and pass.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use alloy_primitives::B256;
use assay_machine::{Executor, NoOracle, Program, Reference, Status, verify_step};

const GCC: &str = "riscv64-unknown-elf-gcc";
const LD: &str = "riscv64-unknown-elf-ld";
const CLANG: &str = "clang";
const QEMU: &str = "qemu-riscv64";
/// More than any of the programs needs.
const STEPS_MAX: u64 = 100_000_000;

fn sources(extension: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/machine");
    let files = std::fs::read_dir(folder)
        .expect("the folder of the programs")
        .map(|file| file.expect("a file").path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    assert!(files.len() >= 3, "{} .{extension} files", files.len());
    files
}

/// Whether the tools are here; says which is not.
fn tools(test: &str, names: &[&str]) -> bool {
    names.iter().all(|name| {
        let here = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
        if !here {
            println!(
                "skipped {test}: `{name}` is not installed (Debian: gcc-riscv64-unknown-elf, clang, qemu-user)"
            );
        }
        here
    })
}

/// Compiles with `compiler`, links with GNU's linker.
fn build(compiler: &str, source: &Path, march: &str, to: &Path) -> Vec<u8> {
    let object = to.with_extension("o");
    let mut compile = Command::new(compiler);
    if compiler == CLANG {
        compile.args(["--target=riscv64-unknown-elf", "-fno-builtin"]);
    } else {
        compile.arg("-fno-tree-loop-distribute-patterns");
    }
    compile
        .args([&format!("-march={march}"), "-mabi=lp64", "-mcmodel=medany", "-O2", "-Wall", "-ffreestanding"])
        // `bytes.c` looks at the same bytes as numbers of several types
        .args([Path::new("-fno-strict-aliasing"), Path::new("-c"), source, Path::new("-o"), &object]);
    let mut link = Command::new(LD);
    link.args(["-static", "-z", "max-page-size=4096", "-T"]).arg(source.with_file_name("link.ld"));
    link.args([&object, Path::new("-o"), to]);
    for mut command in [compile, link] {
        let output = command.output().expect("the tool runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler} {}: {said}", source.display());
    }
    std::fs::read(to).expect("what the linker wrote")
}

fn qemu(file: &Path) -> i32 {
    let status = Command::new(QEMU).args(["-cpu", "rv64,zba=true,zbb=true,zbs=true"]).arg(file).status();
    status.expect("QEMU runs").code().expect("QEMU exits")
}

/// The exit code on the fast interpreter, which must be where the reference is on the way there.
fn run(name: &str, file: &[u8]) -> i32 {
    let program = Arc::new(Program::from_elf(file).expect(name));
    let mut reference = Reference::new(&program, B256::ZERO);
    let mut fast = Executor::new(program.clone(), B256::ZERO).expect("memory");
    for stop in [1u64, 1000, 20_000] {
        while reference.steps() < stop && reference.cpu().is_running() {
            reference.step(program.code(), &mut NoOracle).expect("no oracle is asked");
        }
        fast.run(stop, &mut NoOracle).expect("no oracle is asked");
        assert_eq!(fast.state(), reference.state(), "{name} after {stop} instructions");
    }
    for _ in 0..20 {
        let before = fast.state();
        let witness = fast.step_witness(&mut NoOracle).expect("no oracle is asked");
        assert_eq!(
            verify_step(program.code().root(), &before, &witness, |_| false).as_ref(),
            Ok(&fast.state())
        );
    }
    let steps = fast.run(STEPS_MAX, &mut NoOracle).expect("no oracle is asked");
    assert_eq!(
        fast.cpu().status,
        Status::EXITED,
        "{name} after {steps} instructions at {:#x}",
        fast.cpu().pc
    );
    #[cfg(feature = "translate")]
    check_translated(name, &program, steps);
    println!("{name}: {steps} instructions, exit code {}", fast.cpu().exit_code);
    i32::from(fast.cpu().exit_code)
}

/// The translator against the interpreter, which has already been found right, on the way and at the end.
#[cfg(feature = "translate")]
fn check_translated(name: &str, program: &Arc<Program>, steps: u64) {
    use assay_machine::{TranslateOptions, Translating, Translator};

    for translating in [Translating::Inline, Translating::Beside] {
        let options = TranslateOptions { translating, ..TranslateOptions::default() };
        let translator = Translator::new(program.code(), options).expect("a translator for this processor");
        let mut expected = Executor::new(program.clone(), B256::ZERO).expect("memory");
        let mut found = Executor::with_engine(program.clone(), translator, B256::ZERO).expect("memory");
        for stop in [steps / 3, steps / 3 + 1, steps / 2 + 11, steps - 1, STEPS_MAX] {
            let done = expected.run(stop, &mut NoOracle).expect("no oracle is asked");
            assert_eq!(found.run(stop, &mut NoOracle), Ok(done), "{name}");
            assert_eq!(found.state(), expected.state(), "{name} after {done} instructions, {translating:?}");
        }
    }
}

#[test]
fn every_instruction_does_what_the_manual_says() {
    if !tools("every_instruction_does_what_the_manual_says", &[GCC]) {
        return;
    }
    let qemu_is_here = tools("its comparison with QEMU", &[QEMU]);
    let folder = tempfile::tempdir().expect("a folder");
    for source in sources("S") {
        let name = source.file_stem().expect("a name").to_string_lossy().into_owned();
        let to = folder.path().join(&name);
        let file = build(GCC, &source, "rv64im_zba_zbb_zbs", &to);
        assert_eq!(run(&name, &file), 0, "{name}: the exit code is the case that failed");
        if qemu_is_here {
            assert_eq!(qemu(&to), 0, "{name}: QEMU sees it otherwise");
        }
    }
}

#[test]
fn compiled_programs_end_as_in_qemu() {
    if !tools("compiled_programs_end_as_in_qemu", &[GCC, QEMU]) {
        return;
    }
    let mut compilers = vec![GCC];
    if tools("its part by Clang", &[CLANG]) {
        compilers.push(CLANG);
    }
    let folder = tempfile::tempdir().expect("a folder");
    for source in sources("c") {
        let name = source.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut codes = Vec::new();
        for (compiler, march) in compilers.iter().flat_map(|c| [(c, "rv64im"), (c, "rv64im_zba_zbb_zbs")]) {
            let name = format!("{name}-{compiler}-{march}");
            let to = folder.path().join(&name);
            let file = build(compiler, &source, march, &to);
            codes.push(run(&name, &file));
            assert_eq!(codes.last(), Some(&qemu(&to)), "{name}");
        }
        assert!(codes.iter().all(|code| *code == codes[0]), "{name} by any compiler: {codes:?}");
    }
}
