//! Builds a block: the one path that the sequencer, the verifier and the proof run.

use alloc::vec::Vec;

use alloy_consensus::{Header, Transaction, Typed2718};
use alloy_primitives::{B256, Bloom, Bytes, U256, logs_bloom};
use alloy_trie::root::ordered_trie_root_encoded;
use assay_primitives::{ChainConfig, QueueEntry, predeploys};
use revm::{
    DatabaseRef,
    context::{BlockEnv, TxEnv, result::ExecutionResult},
};

use crate::{
    Account, BlockAttributes, BlockError, BlockInput, Charge, DepositTx, ExecutedBlock, Executor, Outcome,
    Overlay, Receipt, Recovered, Rules, SealedHeader, SkipReason, TxError, TxRejected, TxResult,
    executor::charge, overlay::HISTORY_WINDOW, recover, rules,
};

/// Why a transaction was not taken into the block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError<E> {
    /// It cannot be included in this state. The block goes on as if it had never been seen.
    #[error(transparent)]
    Rejected(#[from] TxRejected),
    /// The block cannot go on.
    #[error(transparent)]
    Block(BlockError<E>),
}

/// A block in the making, on the state of its parent.
///
/// Forced entries first, then ordinary transactions, then [`seal`](Self::seal). What is read from
/// `db` depends only on what is pushed, and so does the result.
#[derive(Debug)]
pub struct BlockBuilder<DB: DatabaseRef> {
    cfg: ChainConfig,
    rules: Rules,
    executor: Executor<DB>,
    header: Header,
    parent_time: u64,
    proposed_data_price: u64,
    data_price: U256,
    txs: Vec<Recovered>,
    receipts: Vec<Receipt>,
    forced: usize,
}

impl<DB: DatabaseRef> BlockBuilder<DB> {
    /// Opens the block after `parent`, whose state is `db`, and writes the parent's hash into the
    /// EIP-2935 contract.
    ///
    /// Errors when the time is not after the parent's or the state cannot be read.
    pub fn open(
        cfg: &ChainConfig,
        parent: &SealedHeader,
        attributes: BlockAttributes,
        db: DB,
    ) -> Result<Self, BlockError<DB::Error>> {
        if attributes.timestamp <= parent.timestamp {
            return Err(BlockError::TimeNotAfterParent {
                parent: parent.timestamp,
                found: attributes.timestamp,
            });
        }
        let rules = Rules::assay(cfg);
        let mix_hash = beacon(&db).map_err(BlockError::Database)?;
        let header = rules::open_header(cfg, parent, &attributes, mix_hash);
        let mut executor = Executor::new(&rules, rules::block_env(&header), db);
        let state = executor.state_mut();
        // EIP-2935 lets clients write the slot that the system call would write.
        let slot = U256::from(parent.number % HISTORY_WINDOW);
        state
            .slot(predeploys::BEACON, U256::ZERO)
            .and_then(|_| state.set_slot(predeploys::HISTORY, slot, parent.hash().into()))
            .map_err(BlockError::Database)?;
        let data_price = state.slot(predeploys::DATA_FEE, U256::ZERO).map_err(BlockError::Database)?;
        Ok(Self {
            cfg: cfg.clone(),
            rules,
            executor,
            header,
            parent_time: parent.timestamp,
            proposed_data_price: attributes.data_price,
            data_price,
            txs: Vec::new(),
            receipts: Vec::new(),
            forced: 0,
        })
    }

    /// Executes a forced entry. It is always included: its mint stays whatever happens, and an
    /// entry that cannot start uses up its whole gas limit.
    pub fn push_forced(&mut self, entry: &QueueEntry) -> Result<TxResult, BlockError<DB::Error>> {
        if self.forced != self.txs.len() {
            return Err(BlockError::ForcedAfterOrdinary);
        }
        let tx = DepositTx::from_entry(entry);
        let before = self.mint(&tx).map_err(BlockError::Database)?;
        let recovered = Recovered::deposit(tx);
        let env = TxEnv { gas_price: 0, ..rules::tx_env(&recovered) };
        let available = self.gas_left();
        let ran = if env.gas_limit > available {
            Err(TxRejected::BlockGas { available, gas_limit: env.gas_limit })
        } else {
            self.executor
                .transact(env.clone(), Charge::Deposit)?
                .map_err(|error| self.name_rejection(error, &env))
        };
        let result = match ran {
            Ok(result) => self.record(recovered, before.nonce, U256::ZERO, result),
            Err(reason) => self.record_refused(recovered, before, reason)?,
        };
        self.forced += 1;
        Ok(result)
    }

    /// Executes an ordinary transaction, if it can be included: the right nonce, enough funds for
    /// gas, value and data fee, enough gas left in the block.
    pub fn push(&mut self, tx: &Recovered) -> Result<TxResult, PushError<DB::Error>> {
        if tx.tx.as_deposit().is_some() {
            return Err(TxRejected::DepositOutsideQueue.into());
        }
        let (available, gas_limit) = (self.gas_left(), tx.tx.gas_limit());
        if gas_limit > available {
            return Err(TxRejected::BlockGas { available, gas_limit }.into());
        }
        let data_fee = self.data_price.saturating_mul(U256::from(tx.size));
        let env = rules::tx_env(tx);
        match self.executor.transact(env, charge(self.rules.fees, data_fee)) {
            Ok(Ok(result)) => Ok(self.record(tx.clone(), tx.tx.nonce(), data_fee, result)),
            Ok(Err(error)) => Err(self.name_rejection(error, &rules::tx_env(tx)).into()),
            Err(error) => Err(PushError::Block(error)),
        }
    }

    /// Ends the block: advances the clock, sets the next data price, computes the header.
    pub fn seal(mut self) -> Result<ExecutedBlock, BlockError<DB::Error>> {
        self.end_of_block().map_err(BlockError::Database)?;
        let mut header = self.header;
        let raw: Vec<&Bytes> = self.txs.iter().map(|tx| &tx.raw).collect();
        header.transactions_root = ordered_trie_root_encoded(&raw);
        let receipts: Vec<Vec<u8>> = self.receipts.iter().map(Receipt::encoded_2718).collect();
        header.receipts_root = ordered_trie_root_encoded(&receipts);
        header.logs_bloom = self.receipts.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.bloom);
        let state = self.executor.state();
        Ok(ExecutedBlock {
            header,
            txs: self.txs,
            receipts: self.receipts,
            changes: state.changes(),
            reads: state.reads(),
            skipped: Vec::new(),
        })
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.header.gas_used
    }

    /// Gas that transactions may still ask for.
    pub const fn gas_left(&self) -> u64 {
        self.header.gas_limit.saturating_sub(self.header.gas_used)
    }

    /// Transactions so far, deposits first.
    pub fn txs(&self) -> &[Recovered] {
        &self.txs
    }

    /// Receipts so far, one per transaction.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// The header as far as it is known: roots and bloom are missing.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Wei per byte of transaction in this block.
    pub const fn data_price(&self) -> U256 {
        self.data_price
    }

    /// The state so far, for reading (the `pending` state).
    pub fn state(&self) -> &Overlay<DB> {
        self.executor.state()
    }

    /// What the EVM sees of this block.
    pub fn env(&self) -> &BlockEnv {
        self.executor.block()
    }

    /// Creates the deposit's wei; returns the sender as it is then.
    fn mint(&mut self, tx: &DepositTx) -> Result<Account, DB::Error> {
        let state = self.executor.state_mut();
        let mut sender = state.account(tx.from)?.unwrap_or_default();
        if !tx.mint.is_zero() {
            sender.balance = sender.balance.saturating_add(tx.mint);
            state.set_account(tx.from, sender)?;
        }
        Ok(sender)
    }

    fn record(&mut self, tx: Recovered, nonce: u64, l1_fee: U256, result: ExecutionResult) -> TxResult {
        let gas_used = result.tx_gas_used();
        let (outcome, logs, output) = match result {
            ExecutionResult::Success { logs, output, .. } => (Outcome::Success, logs, output.into_data()),
            ExecutionResult::Revert { output, .. } => (Outcome::Reverted, Vec::new(), output),
            ExecutionResult::Halt { reason, .. } => (Outcome::Halted(reason), Vec::new(), Bytes::new()),
        };
        self.include(tx, nonce, l1_fee, gas_used, outcome, logs, output)
    }

    fn record_refused(
        &mut self,
        tx: Recovered,
        mut sender: Account,
        reason: TxRejected,
    ) -> Result<TxResult, BlockError<DB::Error>> {
        let nonce = sender.nonce;
        sender.nonce = nonce.saturating_add(1);
        self.executor.state_mut().set_account(tx.sender, sender).map_err(BlockError::Database)?;
        let gas_used = tx.tx.gas_limit().min(self.gas_left());
        Ok(self.include(tx, nonce, U256::ZERO, gas_used, Outcome::Refused(reason), Vec::new(), Bytes::new()))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one receipt, collected once")]
    fn include(
        &mut self,
        tx: Recovered,
        nonce: u64,
        l1_fee: U256,
        gas_used: u64,
        outcome: Outcome,
        logs: Vec<alloy_primitives::Log>,
        output: Bytes,
    ) -> TxResult {
        self.header.gas_used += gas_used;
        let success = outcome == Outcome::Success;
        let receipt = Receipt {
            tx_type: tx.tx.ty(),
            success,
            cumulative_gas_used: self.header.gas_used,
            bloom: logs_bloom(&logs),
            logs,
            gas_used,
            effective_gas_price: tx.tx.effective_gas_price(self.header.base_fee_per_gas),
            l1_fee,
            contract_address: tx.tx.is_create().then(|| tx.sender.create(nonce)),
        };
        self.receipts.push(receipt.clone());
        self.txs.push(tx);
        TxResult { receipt, gas_used, l1_fee, success, outcome, output }
    }

    fn name_rejection(&self, error: revm::context::result::InvalidTransaction, env: &TxEnv) -> TxRejected {
        let base_fee = self.header.base_fee_per_gas.unwrap_or_default();
        TxRejected::from_evm(error, env, base_fee, self.cfg.l2_chain_id)
    }

    /// Clock and data price: direct writes, after everything that could read them.
    fn end_of_block(&mut self) -> Result<(), DB::Error> {
        let elapsed = (self.header.timestamp - self.parent_time).min(self.cfg.force_delay_secs);
        let price = rules::next_data_price(&self.cfg, self.data_price, self.proposed_data_price);
        let state = self.executor.state_mut();
        let now = state.slot(predeploys::CLOCK, U256::ZERO)?;
        state.set_slot(predeploys::CLOCK, U256::ZERO, now.saturating_add(U256::from(elapsed)))?;
        state.set_slot(predeploys::DATA_FEE, U256::ZERO, price)
    }
}

/// The L1 block hash that the beacon recorded last.
fn beacon<DB: DatabaseRef>(db: &DB) -> Result<B256, DB::Error> {
    match db.basic_ref(predeploys::BEACON)? {
        Some(_) => db.storage_ref(predeploys::BEACON, U256::ZERO).map(B256::from),
        None => Ok(B256::ZERO),
    }
}

/// Executes the block `input` after `parent`, whose state is `db`.
///
/// Transactions that are invalid or cannot be included are skipped and named in
/// [`ExecutedBlock::skipped`]. The same block from the same pushes as a [`BlockBuilder`].
pub fn execute_block<DB: DatabaseRef>(
    cfg: &ChainConfig,
    parent: &SealedHeader,
    input: &BlockInput,
    db: DB,
) -> Result<ExecutedBlock, BlockError<DB::Error>> {
    let txs = input.txs.iter().map(|raw| recover(raw, cfg));
    execute_recovered(cfg, parent, input, txs, db)
}

/// [`execute_block`] with the transactions of `input` recovered beforehand, for callers that do
/// that in parallel. `txs` must be [`recover`] of each of `input.txs`, in order.
pub fn execute_recovered<DB: DatabaseRef>(
    cfg: &ChainConfig,
    parent: &SealedHeader,
    input: &BlockInput,
    txs: impl IntoIterator<Item = Result<Recovered, TxError>>,
    db: DB,
) -> Result<ExecutedBlock, BlockError<DB::Error>> {
    let mut builder = BlockBuilder::open(cfg, parent, input.attributes(), db)?;
    for entry in &input.queue {
        builder.push_forced(entry)?;
    }
    let mut skipped = Vec::new();
    for (index, tx) in txs.into_iter().enumerate() {
        let pushed = match tx {
            Ok(tx) => builder.push(&tx).map(|_| ()),
            Err(reason) => {
                skipped.push((index, SkipReason::Invalid(reason)));
                continue;
            }
        };
        match pushed {
            Ok(()) => {}
            Err(PushError::Rejected(reason)) => skipped.push((index, SkipReason::Rejected(reason))),
            Err(PushError::Block(error)) => return Err(error),
        }
    }
    Ok(ExecutedBlock { skipped, ..builder.seal()? })
}
