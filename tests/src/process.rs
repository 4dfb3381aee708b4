//! One child process with its log in a file.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use eyre::{Result, WrapErr, ensure};

/// A running role. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; output goes to `dir/NAME.log`, after what an earlier process of the name left there.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &str, dir: &Path, command: &mut Command) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .wrap_err_with(|| format!("could not start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// `kill -9`: no clean-up runs.
    ///
    /// # Errors
    /// When the process cannot be reaped.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for a clean end.
    ///
    /// # Errors
    /// When the exit status is not 0.
    pub fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        // SAFETY: kill(2) takes two integers; the child has not been reaped, so the pid is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let status = self.child.wait()?;
        ensure!(status.success(), "{} did not stop cleanly ({status}):\n{}", self.name, self.tail());
        Ok(())
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.name, self.tail());
        }
    }
}

/// The `assay` program of this build.
///
/// # Panics
/// When it was not built: `cargo xtask test` builds it first.
pub fn assay_program() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let program = here
        .ancestors()
        .map(|dir| dir.join("assay"))
        .find(|path| File::open(path).is_ok_and(|f| is_file(&f)));
    program.expect("the assay program: build it with `cargo build --workspace`, or run `cargo xtask test`")
}

fn is_file(file: &File) -> bool {
    file.metadata().is_ok_and(|m| m.is_file())
}
