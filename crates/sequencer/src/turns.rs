//! Lending the right to write the chain: the builder pauses while somebody else writes.

use crate::{builder::Command, clock::Alarm};
use assay_node::Block;
use std::sync::{Arc, mpsc};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

/// The builder is gone, so nobody may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the builder has stopped")]
pub struct BuilderGone;

/// Who writes when nobody has a turn.
#[derive(Debug)]
enum Owner {
    /// Nobody: the builder has not begun. What was rolled back so far, newest first, is kept for it.
    Nobody(Vec<Arc<Block>>),
    /// The builder, which listens here.
    Builder(mpsc::SyncSender<Command>),
}

/// Where turns are asked for. Clones ask the same builder.
#[derive(Clone, Debug)]
pub struct Turns {
    owner: Arc<Mutex<Owner>>,
    alarm: Arc<Alarm>,
}

/// The right to write the chain. The builder waits until it is given back or dropped.
#[derive(Debug)]
pub struct Turn(Held);

#[derive(Debug)]
enum Held {
    /// The builder cannot begin while the guard lives.
    BeforeBuilder(OwnedMutexGuard<Owner>),
    /// The builder waits for the answer.
    FromBuilder(mpsc::Sender<Vec<Arc<Block>>>),
}

impl Turns {
    pub(crate) fn new(alarm: Arc<Alarm>) -> Self {
        Self { owner: Arc::new(Mutex::new(Owner::Nobody(Vec::new()))), alarm }
    }

    /// Waits for the builder to put its open block aside (a few milliseconds). Before the builder begins, at once.
    ///
    /// # Errors
    /// [`BuilderGone`].
    pub async fn take(&self) -> Result<Turn, BuilderGone> {
        let owner = self.owner.clone().lock_owned().await;
        let Owner::Builder(commands) = &*owner else { return Ok(Turn(Held::BeforeBuilder(owner))) };
        let (ready, is_ready) = oneshot::channel();
        let (resume, wait) = mpsc::channel();
        self.send(commands, Command::Pause { ready, resume: wait })?;
        drop(owner);
        is_ready.await.map_err(|_| BuilderGone)?;
        Ok(Turn(Held::FromBuilder(resume)))
    }

    /// The builder begins, and listens to `commands`. Returns what was rolled back before, newest first.
    pub(crate) async fn begin(&self, commands: mpsc::SyncSender<Command>) -> Vec<Arc<Block>> {
        match std::mem::replace(&mut *self.owner.lock().await, Owner::Builder(commands)) {
            Owner::Nobody(dropped) => dropped,
            Owner::Builder(_) => Vec::new(),
        }
    }

    pub(crate) async fn stop(&self) {
        if let Owner::Builder(commands) = &*self.owner.lock().await {
            // a builder that is gone has stopped
            let _ = self.send(commands, Command::Stop);
        }
    }

    fn send(&self, commands: &mpsc::SyncSender<Command>, command: Command) -> Result<(), BuilderGone> {
        commands.try_send(command).map_err(|_| BuilderGone)?;
        self.alarm.ring();
        Ok(())
    }
}

impl Turn {
    /// Lets the builder go on. `dropped` are the blocks that were rolled back meanwhile, newest first: their
    /// transactions are sequenced again.
    pub fn give_back(self, dropped: Vec<Arc<Block>>) {
        match self.0 {
            Held::BeforeBuilder(mut owner) => {
                if let Owner::Nobody(before) = &mut *owner {
                    // what is dropped later lies below what was dropped earlier
                    before.extend(dropped);
                }
            }
            // a builder that is gone has nothing to sequence
            Held::FromBuilder(resume) => drop(resume.send(dropped)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_builder_begins_after_the_turns_before_it() {
        let turns = Turns::new(Arc::default());
        let turn = turns.take().await.unwrap();
        let (sender, receiver) = mpsc::sync_channel(1);
        let beginning = tokio::spawn({
            let turns = turns.clone();
            async move { turns.begin(sender).await }
        });
        tokio::task::yield_now().await;
        assert!(!beginning.is_finished());
        turn.give_back(Vec::new());
        assert!(beginning.await.unwrap().is_empty());
        // from now on the builder is asked
        let taking = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take().await }
        });
        let Command::Pause { ready, resume } =
            tokio::task::spawn_blocking(move || receiver.recv().unwrap()).await.unwrap()
        else {
            panic!("not a pause")
        };
        ready.send(()).unwrap();
        taking.await.unwrap().unwrap().give_back(Vec::new());
        assert!(resume.recv().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_builder_that_is_gone_lends_nothing() {
        let turns = Turns::new(Arc::default());
        let (sender, receiver) = mpsc::sync_channel(1);
        turns.begin(sender).await;
        drop(receiver);
        assert_eq!(turns.take().await.unwrap_err(), BuilderGone);
    }
}
