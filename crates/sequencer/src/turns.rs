//! Lending the right to write the chain: the builder pauses while somebody else writes.

use crate::{builder::Command, clock::Alarm};
use assay_node::Block;
use std::sync::{Arc, mpsc};
use tokio::sync::oneshot;

/// The builder is gone, so nobody may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the builder has stopped")]
pub struct BuilderGone;

/// Where turns are asked for. Clones ask the same builder.
#[derive(Clone, Debug)]
pub struct Turns {
    commands: mpsc::SyncSender<Command>,
    alarm: Arc<Alarm>,
}

/// The right to write the chain. The builder waits until it is given back or dropped.
#[derive(Debug)]
pub struct Turn {
    resume: mpsc::Sender<Vec<Arc<Block>>>,
}

impl Turns {
    pub(crate) fn new(commands: mpsc::SyncSender<Command>, alarm: Arc<Alarm>) -> Self {
        Self { commands, alarm }
    }

    /// Waits for the builder to put its open block aside (a few milliseconds).
    ///
    /// # Errors
    /// [`BuilderGone`].
    pub async fn take(&self) -> Result<Turn, BuilderGone> {
        let (ready, is_ready) = oneshot::channel();
        let (resume, wait) = mpsc::channel();
        self.send(Command::Pause { ready, resume: wait })?;
        is_ready.await.map_err(|_| BuilderGone)?;
        Ok(Turn { resume })
    }

    pub(crate) fn stop(&self) {
        // a builder that is gone has stopped
        let _ = self.send(Command::Stop);
    }

    fn send(&self, command: Command) -> Result<(), BuilderGone> {
        self.commands.try_send(command).map_err(|_| BuilderGone)?;
        self.alarm.ring();
        Ok(())
    }
}

impl Turn {
    /// Lets the builder go on. `dropped` are the blocks that were rolled back meanwhile, newest first: their
    /// transactions are sequenced again.
    pub fn give_back(self, dropped: Vec<Arc<Block>>) {
        // a builder that is gone has nothing to sequence
        let _ = self.resume.send(dropped);
    }
}
