//! Child processes of `assay dev`: started with prefixed logs, watched, and stopped in reverse order.

use std::{process::Stdio, time::Duration};

use eyre::{Result, WrapErr, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

/// How long one child may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(10);
/// How often the group is looked at for a child that ended by itself.
const WATCH: Duration = Duration::from_millis(200);

/// The processes of one `assay dev`, in the order they were started.
#[derive(Default)]
pub(crate) struct Group {
    children: Vec<(String, Child)>,
}

impl Group {
    /// Starts `command`; its output goes to our standard error, each line behind `name`.
    pub(crate) fn start(&mut self, name: &str, mut command: Command) -> Result<()> {
        // A group of its own: Ctrl-C reaches us alone, and we stop the children in order.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().wrap_err_with(|| format!("could not start {name}"))?;
        forward(name, child.stdout.take());
        forward(name, child.stderr.take());
        self.children.push((name.to_owned(), child));
        Ok(())
    }

    /// Waits until a child ends by itself and says which and how.
    pub(crate) async fn first_to_end(&mut self) -> Result<()> {
        loop {
            for (name, child) in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    bail!("{name} ended by itself ({status}); its last lines are above");
                }
            }
            sleep(WATCH).await;
        }
    }

    /// Asks every child to stop, the last one started first, and kills what does not.
    pub(crate) async fn stop(&mut self) {
        while let Some((name, mut child)) = self.children.pop() {
            if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
                // SAFETY: kill(2) takes two integers and touches no memory of ours; the child has not been reaped.
                unsafe { libc::kill(pid, libc::SIGTERM) };
            }
            if timeout(STOP, child.wait()).await.is_err() {
                eprintln!("{name} did not stop within {} s and is killed", STOP.as_secs());
                let _ = child.kill().await;
            }
        }
    }
}

fn forward(name: &str, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(stream) = stream else { return };
    let name = name.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("{name:>10} | {line}");
        }
    });
}
