//! Programs: code, initial memory and an entry.

use alloy_primitives::{B256, keccak256};
use assay_primitives::ProgramId;

use crate::{
    code::{Code, CodeError},
    memory::{Memory, MemoryTree, SparseMemory},
};

/// A program as the machine runs it.
#[derive(Clone, Debug)]
pub struct Program {
    code: Code,
    memory: SparseMemory,
    tree: MemoryTree,
    entry: u64,
}

impl Program {
    /// Joins code, initial memory and the address of the first instruction.
    ///
    /// Cost: hashes the whole initial memory.
    pub fn new(code: Code, mut memory: SparseMemory, entry: u64) -> Self {
        let mut tree = MemoryTree::default();
        let written = memory.take_written();
        tree.update(&memory, &written);
        Self { code, memory, tree, entry }
    }

    /// A program of these words at `address`, where it starts, in memory as well.
    pub fn from_words(address: u64, words: &[u32]) -> Result<Self, CodeError> {
        let bytes: alloc::vec::Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let code = Code::new(&[(address, &bytes)])?;
        let mut memory = SparseMemory::default();
        memory.write(address, &bytes);
        Ok(Self::new(code, memory, address))
    }

    /// The code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The initial memory.
    pub fn memory(&self) -> &SparseMemory {
        &self.memory
    }

    /// The tree over the initial memory.
    pub fn tree(&self) -> &MemoryTree {
        &self.tree
    }

    /// The address of the first instruction.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// `H(codeRoot ‖ initialMemoryRoot ‖ u64(entry))`.
    pub fn id(&self) -> ProgramId {
        let mut bytes = [0; 72];
        bytes[..32].copy_from_slice(self.code.root().as_slice());
        bytes[32..64].copy_from_slice(self.tree.root().as_slice());
        bytes[64..].copy_from_slice(&self.entry.to_be_bytes());
        ProgramId(B256::new(keccak256(bytes).0))
    }
}
