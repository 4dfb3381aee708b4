//! One EVM for one block: runs transactions one after the other over an [`Overlay`].

use alloc::string::String;
use core::marker::PhantomData;

use alloy_primitives::U256;
use revm::{
    Context, DatabaseRef, Journal, MainBuilder,
    context::{
        BlockEnv, CfgEnv, ContextSetters, ContextTr, LocalContext, TxEnv,
        journaled_state::account::JournaledAccountTr,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    context_interface::{Block, Cfg, JournalTr, Transaction},
    handler::{EvmTr, EvmTrError, FrameResult, FrameTr, Handler, MainnetContext, MainnetEvm, pre_execution},
    interpreter::{InitialAndFloorGas, interpreter_action::FrameInit},
    state::EvmState,
};

use crate::{Fees, Rules, overlay::Overlay};

/// How a transaction is paid for.
#[derive(Clone, Copy, Debug)]
pub enum Charge {
    /// Ethereum: the base fee is burnt.
    Ethereum,
    /// The L2: base fee and tip go to the beneficiary, and so does `data_fee`, which the sender
    /// pays before execution and never gets back.
    L2 {
        /// Wei.
        data_fee: U256,
    },
    /// A deposit: no fee at all; the sender is trusted and its nonce is bumped.
    Deposit,
}

/// Why a block cannot be executed at all. Never the fault of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError<E> {
    /// The parent state could not be read.
    #[error("reading state: {0}")]
    Database(E),
    /// A precompile or the EVM failed for a reason outside the protocol.
    #[error("EVM failure: {0}")]
    Evm(String),
    /// Times must rise.
    #[error("block time {found} is not after its parent's {parent}")]
    TimeNotAfterParent {
        /// Seconds.
        parent: u64,
        /// Seconds.
        found: u64,
    },
    /// Forced entries open a block.
    #[error("a forced entry cannot follow an ordinary transaction")]
    ForcedAfterOrdinary,
}

type L2Evm<DB> = MainnetEvm<MainnetContext<Overlay<DB>>>;

/// An EVM over a parent state: every transaction sees what the ones before it did.
///
/// The journal never outlives a transaction: it is taken apart after a success and dropped after
/// an error, so a refused transaction leaves no trace.
#[derive(Debug)]
pub struct Executor<DB: DatabaseRef> {
    evm: L2Evm<DB>,
}

impl<DB: DatabaseRef> Executor<DB> {
    /// An EVM for the block `env` on the state `db`.
    pub fn new(rules: &Rules, env: BlockEnv, db: DB) -> Self {
        let overlay = Overlay::new(db, rules.fees);
        let context: Context<BlockEnv, TxEnv, CfgEnv, _, Journal<Overlay<DB>>, (), LocalContext> =
            Context::new(overlay, rules.evm.spec);
        let mut context = context.with_cfg(rules.evm.clone());
        context.set_block(env);
        Self { evm: context.build_mainnet() }
    }

    /// The state so far.
    pub fn state(&self) -> &Overlay<DB> {
        self.evm.ctx.db_ref()
    }

    pub(crate) fn state_mut(&mut self) -> &mut Overlay<DB> {
        self.evm.ctx.db_mut()
    }

    /// The block that transactions see.
    pub fn block(&self) -> &BlockEnv {
        self.evm.ctx.block()
    }

    /// Runs `tx` and keeps what it did. The inner error says why it cannot be included; then, and
    /// when the outer one is returned, nothing changed.
    #[allow(clippy::type_complexity, reason = "two levels: the block failed, the transaction was refused")]
    pub fn transact(
        &mut self,
        tx: TxEnv,
        charge: Charge,
    ) -> Result<Result<ExecutionResult, InvalidTransaction>, BlockError<DB::Error>> {
        self.evm.ctx.set_tx(tx);
        let result = FeeHandler::<L2Evm<DB>, EVMError<DB::Error>>::new(charge).run(&mut self.evm);
        let state = self.evm.ctx.journal_mut().finalize();
        match result {
            Ok(result) => {
                self.state_mut().commit(state);
                Ok(Ok(result))
            }
            Err(EVMError::Transaction(error)) => Ok(Err(error)),
            Err(EVMError::Database(error)) => Err(BlockError::Database(error)),
            Err(EVMError::Header(error)) => Err(BlockError::Evm(alloc::format!("{error}"))),
            Err(EVMError::Custom(error)) => Err(BlockError::Evm(error)),
            Err(EVMError::CustomAny(error)) => Err(BlockError::Evm(alloc::format!("{error}"))),
        }
    }
}

/// How [`Fees`] charge an ordinary transaction.
pub(crate) const fn charge(fees: Fees, data_fee: U256) -> Charge {
    match fees {
        Fees::Assay => Charge::L2 { data_fee },
        Fees::Ethereum => Charge::Ethereum,
    }
}

/// revm's mainnet handler with our fees.
struct FeeHandler<EVM, ERROR> {
    charge: Charge,
    _evm: PhantomData<(EVM, ERROR)>,
}

impl<EVM, ERROR> FeeHandler<EVM, ERROR> {
    const fn new(charge: Charge) -> Self {
        Self { charge, _evm: PhantomData }
    }
}

impl<EVM, ERROR> Handler for FeeHandler<EVM, ERROR>
where
    EVM: EvmTr<Context: ContextTr<Journal: JournalTr<State = EvmState>>>,
    EVM::Frame: FrameTr<FrameResult = FrameResult, FrameInit = FrameInit>,
    ERROR: EvmTrError<EVM>,
{
    type Evm = EVM;
    type Error = ERROR;
    type HaltReason = HaltReason;

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        match self.charge {
            Charge::Ethereum => pre_execution::validate_against_state_and_deduct_caller(evm.ctx()),
            Charge::L2 { data_fee } => deduct_with_data_fee(evm.ctx(), data_fee),
            Charge::Deposit => admit_deposit(evm.ctx()),
        }
    }

    fn reward_beneficiary(&self, evm: &mut Self::Evm, result: &mut FrameResult) -> Result<(), Self::Error> {
        let gas = result.gas();
        let data_fee = match self.charge {
            Charge::Ethereum => {
                return revm::handler::post_execution::reward_beneficiary(evm.ctx(), gas).map_err(From::from);
            }
            Charge::L2 { data_fee } => data_fee,
            Charge::Deposit => return Ok(()),
        };
        let (block, tx, _, journal, _, _) = evm.ctx().all_mut();
        let price = tx.effective_gas_price(u128::from(block.basefee()));
        let fee = U256::from(price).saturating_mul(U256::from(gas.used())).saturating_add(data_fee);
        journal.load_account_mut(block.beneficiary())?.incr_balance(fee);
        Ok(())
    }
}

/// Ethereum's check and deduction, with `data_fee` in both.
fn deduct_with_data_fee<CTX, ERROR>(context: &mut CTX, data_fee: U256) -> Result<(), ERROR>
where
    CTX: ContextTr,
    ERROR: From<InvalidTransaction> + From<<CTX::Db as revm::Database>::Error>,
{
    let (block, tx, cfg, journal, _, _) = context.all_mut();
    let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
    pre_execution::validate_account_nonce_and_code_with_components(&caller.account().info, tx, cfg)?;
    let balance = *caller.balance();
    let required = tx
        .max_balance_spending()?
        .checked_add(data_fee)
        .ok_or(InvalidTransaction::OverflowPaymentInTransaction)?;
    if balance < required && !cfg.is_balance_check_disabled() {
        let error = InvalidTransaction::LackOfFundForMaxFee { fee: required.into(), balance: balance.into() };
        return Err(error.into());
    }
    let left = pre_execution::calculate_caller_fee(balance.saturating_sub(data_fee), tx, block, cfg)?;
    caller.set_balance(left);
    if tx.kind().is_call() {
        caller.bump_nonce();
    }
    Ok(())
}

/// A deposit needs its value and nothing else; a creation bumps the nonce when its frame starts.
fn admit_deposit<CTX, ERROR>(context: &mut CTX) -> Result<(), ERROR>
where
    CTX: ContextTr,
    ERROR: From<InvalidTransaction> + From<<CTX::Db as revm::Database>::Error>,
{
    let (_, tx, _, journal, _, _) = context.all_mut();
    let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
    let balance = *caller.balance();
    if balance < tx.value() {
        let error =
            InvalidTransaction::LackOfFundForMaxFee { fee: tx.value().into(), balance: balance.into() };
        return Err(error.into());
    }
    if caller.nonce() == u64::MAX {
        return Err(InvalidTransaction::NonceOverflowInTransaction.into());
    }
    caller.touch();
    if tx.kind().is_call() {
        caller.bump_nonce();
    }
    Ok(())
}
