//! Debian's packages, where they may be installed.

use std::{path::Path, process::Stdio};

use eyre::Result;

use crate::shell::{command, output};

/// Whether the packages were installed; not when this is no Debian or not root.
pub(crate) fn install(packages: &[&str]) -> Result<bool> {
    if !is_root()? || !Path::new("/usr/bin/apt-get").exists() {
        return Ok(false);
    }
    let quiet = |args: &[&str]| {
        let mut apt = command("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).stderr(Stdio::null());
        apt.status().is_ok_and(|status| status.success())
    };
    Ok(quiet(&["update"]) && quiet(&[&["install", "-y", "--no-install-recommends"], packages].concat()))
}

/// Whether this process may install.
pub(crate) fn is_root() -> Result<bool> {
    Ok(output(command("id").arg("-u"))?.trim() == "0")
}

/// Installs the compilers and the emulator that the machine's tests compare it with, unless they are here.
pub(crate) fn foreign_compilers() -> Result<()> {
    let here = ["riscv64-unknown-elf-gcc", "clang", "qemu-riscv64"].into_iter().all(|program| {
        let mut version = command(program);
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    });
    if !here && !install(&["gcc-riscv64-unknown-elf", "clang", "qemu-user"])? {
        println!(
            "gcc-riscv64-unknown-elf, clang or qemu-user is missing: tests that need them say so and pass"
        );
    }
    Ok(())
}
