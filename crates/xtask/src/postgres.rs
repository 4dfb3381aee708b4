//! A PostgreSQL server for the tests, in a folder of its own that goes with it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use eyre::{Result, bail};

use crate::{
    debian,
    shell::{command, output, run},
};

/// How long the server may take to answer.
const START: Duration = Duration::from_secs(60);

/// A running server; dropping it stops it and removes its data.
pub(crate) struct Postgres {
    child: Child,
    dir: PathBuf,
    /// `postgres://USER@HOST:PORT`, without a database.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts one, after installing it if this user may; `None`, with a message, where there is none to be had.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(bin) = programs()? else {
            println!("skipped: tests on PostgreSQL need initdb and postgres; install Debian's `postgresql`");
            return Ok(None);
        };
        // not under the build folder: the server's own user must get there
        let dir = std::env::temp_dir().join(format!("assay-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let server = Self::start_in(&bin, &dir);
        if server.is_err() {
            let _ = std::fs::remove_dir_all(&dir); // the error says more
        }
        server.map(Some)
    }

    fn start_in(bin: &Path, dir: &Path) -> Result<Self> {
        let user = if debian::is_root()? { "postgres" } else { "" };
        if !user.is_empty() {
            run(command("chown").arg(user).arg(dir))?; // the server refuses to run as root
        }
        let data = dir.join("data");
        let mut init = as_user(user, &bin.join("initdb"));
        init.args(["--username=assay", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(&data);
        output(init.current_dir(dir))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut start = as_user(user, &bin.join("postgres"));
        start.current_dir(dir).arg("-D").arg(&data).args([
            "-p",
            &port.to_string(),
            "-h",
            "127.0.0.1",
            "-k",
            "",
        ]);
        start
            .args(["-c", "fsync=off", "-c", "max_connections=200"])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let child = start.spawn()?;
        let url = format!("postgres://assay@127.0.0.1:{port}");
        let mut server = Self { child, dir: dir.to_path_buf(), url };
        let end = Instant::now() + START;
        let ask = bin.join("pg_isready");
        while !Command::new(&ask).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status()?.success()
        {
            if let Some(status) = server.child.try_wait()? {
                bail!("postgres ended: {status}");
            }
            if Instant::now() > end {
                bail!("postgres does not answer");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is a fast shutdown; `setpriv` becomes the server, so the pid is its own.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The folder of the server's programs, installed from Debian's packages where that is allowed.
fn programs() -> Result<Option<PathBuf>> {
    if let Some(found) = find() {
        return Ok(Some(found));
    }
    Ok(if debian::install(&["postgresql"])? { find() } else { None })
}

fn find() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(on_path.into_iter().flatten());
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// `program`, as `user` if one is named.
fn as_user(user: &str, program: &Path) -> Command {
    if user.is_empty() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
    command
}
