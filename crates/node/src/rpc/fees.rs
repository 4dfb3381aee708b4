//! What to pay: suggestions and history.

use alloy::consensus::Transaction as _;
use alloy::primitives::U256;
use alloy::rpc::types::FeeHistory;
use assay_execution::next_base_fee;

use super::error::RpcError;
use crate::block::Block;
use crate::chain::Chain;

/// Tip that is suggested while blocks are not full, in wei per gas.
const TIP_WEI_MIN: u128 = 1_000_000;
/// Blocks that a suggestion looks at.
const TIP_BLOCKS: u64 = 20;
/// Blocks of one `eth_feeHistory`.
const HISTORY_BLOCKS_MAX: u64 = 1_024;
const PERCENTILES_MAX: usize = 100;

/// Base fee of the next block, in wei per gas.
pub(crate) fn base_fee(chain: &Chain) -> u64 {
    next_base_fee(chain.config(), chain.latest().header.inner())
}

/// A tip that gets in: the least one while there is room, else the median of what was paid lately.
pub(crate) fn suggest_tip(chain: &Chain) -> U256 {
    let head = chain.latest();
    if head.header.gas_used < head.header.gas_limit / 2 {
        return U256::from(TIP_WEI_MIN);
    }
    let first = head.number().saturating_sub(TIP_BLOCKS - 1);
    let mut tips: Vec<u128> = (first..=head.number())
        .filter_map(|number| chain.recent_block(number))
        .filter_map(|block| median(&block))
        .collect();
    tips.sort_unstable();
    U256::from(tips.get(tips.len() / 2).copied().unwrap_or_default().max(TIP_WEI_MIN))
}

fn median(block: &Block) -> Option<u128> {
    let mut tips: Vec<u128> = paid_tips(block).map(|(tip, _)| tip).collect();
    tips.sort_unstable();
    tips.get(tips.len() / 2).copied()
}

/// Tip in wei per gas and gas used of every transaction that pays fees.
fn paid_tips(block: &Block) -> impl Iterator<Item = (u128, u64)> + '_ {
    let base = block.header.base_fee_per_gas;
    let paying = block.txs.iter().zip(&block.receipts).skip(block.forced.len());
    paying.map(move |(tx, receipt)| {
        let tip = tx.tx.effective_gas_price(base).saturating_sub(u128::from(base.unwrap_or_default()));
        (tip, receipt.gas_used)
    })
}

/// `eth_feeHistory` up to block `newest`.
pub(crate) async fn fee_history(
    chain: &Chain,
    count: u64,
    newest: u64,
    percentiles: Option<&[f64]>,
) -> Result<FeeHistory, RpcError> {
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    if let Some(percentiles) = percentiles {
        check_percentiles(percentiles)?;
    }
    let first = (newest + 1).saturating_sub(count.min(HISTORY_BLOCKS_MAX));
    let mut out = FeeHistory { oldest_block: first, ..FeeHistory::default() };
    let mut rewards = Vec::new();
    for number in first..=newest {
        let header = chain.header_by_number(number).await?.ok_or(RpcError::HeaderNotFound)?;
        out.base_fee_per_gas.push(u128::from(header.base_fee_per_gas.unwrap_or_default()));
        out.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        out.base_fee_per_blob_gas.push(1);
        out.blob_gas_used_ratio.push(0.0);
        if let Some(percentiles) = percentiles {
            let block = chain.block_by_number(number).await?.ok_or(RpcError::BlockNotFound)?;
            rewards.push(reward(&block, percentiles));
        }
        if number == newest {
            out.base_fee_per_gas.push(u128::from(next_base_fee(chain.config(), header.inner())));
            out.base_fee_per_blob_gas.push(1);
        }
    }
    out.reward = percentiles.map(|_| rewards);
    Ok(out)
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > PERCENTILES_MAX {
        let message = format!("over the query limit {PERCENTILES_MAX}: {} percentiles", percentiles.len());
        return Err(RpcError::Server(message));
    }
    let mut last = 0.0;
    for (i, value) in percentiles.iter().enumerate() {
        if !(0.0..=100.0).contains(value) {
            return Err(RpcError::Server(format!("invalid reward percentile: {value}")));
        }
        if i > 0 && *value < last {
            return Err(RpcError::Server(format!(
                "invalid reward percentile: #{}:{last} >= #{i}:{value}",
                i - 1
            )));
        }
        last = *value;
    }
    Ok(())
}

/// The tip at each percentile of the block's gas.
fn reward(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let mut tips: Vec<(u128, u64)> = paid_tips(block).collect();
    if tips.is_empty() {
        return vec![0; percentiles.len()];
    }
    tips.sort_unstable();
    let total: u64 = tips.iter().map(|(_, gas)| gas).sum();
    let mut at = 0;
    let mut sum = tips[0].1;
    percentiles
        .iter()
        .map(|percentile| {
            let threshold = total as f64 * percentile / 100.0;
            while (sum as f64) < threshold && at + 1 < tips.len() {
                at += 1;
                sum += tips[at].1;
            }
            tips[at].0
        })
        .collect()
}
