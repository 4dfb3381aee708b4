//! What the clones of a translator share, and the thread that translates for them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use super::{
    Stats, TranslateError, TranslateOptions, Translating,
    cold::Words,
    jit::{Compiler, Entries},
    region::Region,
};
use crate::{code::Code, fast::FlatMemory, state::Cpu};

/// Blocks that wait to be translated; more ask again.
const REQUESTS_MAX: usize = 1024;
/// Regions that are compiled before the first of them can run.
const BATCH_MAX: usize = 16;

pub(super) struct Shared {
    pub(super) words: Words,
    options: TranslateOptions,
    entries: Entries,
    /// How often the block at each word was interpreted, up to `runs_before`.
    runs: Box<[AtomicU8]>,
    compiler: Mutex<Compiler>,
    /// To the translating thread, if there is one.
    requests: Option<SyncSender<u32>>,
}

impl Shared {
    pub(super) fn new(code: &Code, options: TranslateOptions) -> Result<Arc<Self>, TranslateError> {
        let words = Words::new(code);
        let (compiler, entries) = Compiler::new(words.len())?;
        let runs = (0..words.len()).map(|_| AtomicU8::new(0)).collect();
        let (requests, received) = match options.translating {
            Translating::Inline => (None, None),
            Translating::Beside => {
                let (requests, received) = sync_channel(REQUESTS_MAX);
                (Some(requests), Some(received))
            }
        };
        let compiler = Mutex::new(compiler);
        let shared = Arc::new(Self { words, options, entries, runs, compiler, requests });
        if let Some(received) = received {
            let shared = Arc::downgrade(&shared);
            // Ends with the last clone, after the batch it is at.
            thread::Builder::new().name("translate".into()).spawn(move || serve(&shared, &received))?;
        }
        Ok(shared)
    }

    pub(super) fn is_translated(&self, index: u32) -> bool {
        self.entries.table.get(index) != self.entries.absent
    }

    /// Runs translated code from `index`, where `cpu` is; gives how many of `left` instructions are left.
    pub(super) fn enter(&self, index: u32, cpu: &mut Cpu, memory: &mut FlatMemory, left: u64) -> u64 {
        let code = self.entries.table.get(index);
        let budget = left.min(i64::MAX as u64);
        // SAFETY: the code in the table is complete and stays until the last clone is gone. It reads and writes the registers, memory
        // below 2^32, which it checks, and the marks of pages below 2^20; all are borrowed.
        let rest = unsafe {
            (self.entries.enter)(cpu.x.as_mut_ptr(), memory.as_mut_ptr(), budget as i64, &mut cpu.pc, code)
        };
        left - budget + rest as u64
    }

    /// Notes that the block at `index` is interpreted; translates it, or has it translated, when that was often enough.
    pub(super) fn warm_up(&self, index: u32) {
        let runs = &self.runs[index as usize];
        let before = runs.load(Ordering::Relaxed);
        if before > self.options.runs_before {
            return;
        }
        // Another run may count at the same time: a count may be lost or the block asked for twice, which costs time only.
        if before == self.options.runs_before && !self.request(index) {
            return;
        }
        runs.store(before.saturating_add(1), Ordering::Relaxed);
    }

    /// `false` if too many are waiting.
    fn request(&self, index: u32) -> bool {
        match &self.requests {
            Some(requests) => requests.try_send(index).is_ok(),
            None => {
                self.translate(&[index]);
                true
            }
        }
    }

    fn translate(&self, indices: &[u32]) {
        let warm =
            |index: u32| self.runs.get(index as usize).is_some_and(|runs| runs.load(Ordering::Relaxed) > 0);
        let regions: Vec<Region> = indices
            .iter()
            .filter(|index| !self.is_translated(**index))
            .map(|index| Region::new(&self.words, *index, self.options.region_instructions_max, warm))
            .collect();
        self.compiler().compile(&self.words, &regions, &self.entries);
    }

    fn compiler(&self) -> MutexGuard<'_, Compiler> {
        self.compiler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        self.compiler().stats
    }
}

/// Translates what is asked for until nobody can ask any more.
fn serve(shared: &Weak<Shared>, requests: &Receiver<u32>) {
    while let Ok(first) = requests.recv() {
        let mut batch = vec![first];
        batch.extend(requests.try_iter().take(BATCH_MAX - 1));
        let Some(shared) = shared.upgrade() else { return };
        shared.translate(&batch);
    }
}
