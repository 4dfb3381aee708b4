//! The chain on real processes: crashes, censorship, and a verifier that has nothing but the L1.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, utils::parse_ether},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use assay_bindings::{Inbox, Portal};
use assay_tests::{Cluster, wait_for};
use eyre::{OptionExt, Result, ensure};

fn ether(n: &str) -> U256 {
    parse_ether(n).expect("a literal")
}

/// Sends `count` transfers and returns the block of the last.
async fn transfers(cluster: &Cluster, to: Address, count: u64) -> Result<u64> {
    let l2 = cluster.l2(&cluster.client_key());
    let mut last = 0;
    for _ in 0..count {
        let request = TransactionRequest::default().with_to(to).with_value(ether("0.001"));
        let receipt = l2.send_transaction(request).await?.get_receipt().await?;
        ensure!(receipt.status(), "a transfer failed");
        last = receipt.block_number.ok_or_eyre("a receipt without a block")?;
    }
    Ok(last)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_verifier_equals_a_dead_sequencer_block_for_block() -> Result<()> {
    let cluster = Cluster::deploy(&Cluster::protocol())?;
    let sequencer = cluster.sequencer().await?;
    cluster.fund(&[cluster.client_key()], ether("10")).await?;
    let to = Address::repeat_byte(0x42);
    transfers(&cluster, to, 3).await?;

    // A crash in the middle: what was acknowledged must still be there.
    sequencer.kill()?;
    let sequencer = cluster.sequencer().await?;
    let l2 = cluster.l2(&cluster.client_key());
    ensure!(l2.get_balance(to).await? == ether("0.003"), "the crash lost a transfer");
    let block = transfers(&cluster, to, 2).await?;

    let watcher = cluster.verifier().await?;
    cluster.compare_to(block).await?;
    let expected = {
        let mut hashes = Vec::new();
        for number in 0..=block {
            hashes.push(
                l2.get_block_by_number(number.into()).await?.ok_or_eyre("a missing block")?.header.hash,
            );
        }
        hashes
    };
    watcher.stop()?;
    sequencer.kill()?;
    std::fs::remove_dir_all(cluster.data("sequencer"))?;
    std::fs::remove_dir_all(cluster.data("verifier"))?;

    let _verifier = cluster.verifier().await?;
    cluster.compare_with(&expected).await?;
    ensure!(cluster.verified().get_balance(to).await? == ether("0.005"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_shows_blocks_before_l1_has_them() -> Result<()> {
    let cluster = Cluster::deploy(&Cluster::protocol())?;
    let sequencer = cluster.sequencer().await?;
    cluster.fund(&[cluster.client_key()], ether("10")).await?;
    let _verifier = cluster.fed_verifier().await?;
    let verified = cluster.verified();
    let to = Address::repeat_byte(0x44);
    let mut ahead = false;
    for sent in 1..=20 {
        let block = transfers(&cluster, to, 1).await?;
        wait_for("the transfer on the verifier", async || {
            Ok((verified.get_block_number().await? >= block).then_some(()))
        })
        .await?;
        ensure!(verified.get_balance(to).await? == ether("0.001") * U256::from(sent));
        let safe = verified.get_block_by_number("safe".parse()?).await?.ok_or_eyre("no safe block")?;
        ahead |= safe.header.number < block;
        // Once is enough: batches go to L1 every two seconds, so most blocks are seen before theirs.
        if ahead {
            break;
        }
    }
    ensure!(ahead, "the verifier never was ahead of L1");
    // The feed goes away and comes back; what L1 has then is the same chain.
    sequencer.kill()?;
    let _sequencer = cluster.sequencer().await?;
    let block = transfers(&cluster, to, 1).await?;
    cluster.compare_to(block).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_ignored_gets_through_on_l1() -> Result<()> {
    let cluster = Cluster::deploy(&Cluster::protocol())?;
    let sequencer = cluster.sequencer().await?;
    cluster.fund(&[cluster.client_key()], ether("10")).await?;
    let _verifier = cluster.verifier().await?;
    let before = cluster.l2(&cluster.client_key()).get_block_number().await?;
    cluster.compare_to(before).await?;
    // Nobody sequences any more: the harshest censor.
    sequencer.kill()?;

    let key = cluster.client_key();
    let l1 = cluster.l1_wallet(&key);
    let to = Address::repeat_byte(0x43);
    let portal = Portal::new(cluster.contract("portal")?, &l1);
    let call = portal.depositTransaction(to, ether("1"), 100_000, false, Default::default());
    let sent = call.value(ether("0.01")).gas(1_000_000).send().await?;
    ensure!(sent.get_receipt().await?.status(), "the forced transaction was not queued");
    let inbox = Inbox::new(cluster.contract("inbox")?, &l1);
    // Real seconds: an L1 whose clock jumps would make every later block of the sequencer too old.
    wait_for("the force delay", async || Ok(inbox.forceBatch().call().await.is_ok().then_some(()))).await?;
    ensure!(
        inbox.forceBatch().gas(1_000_000).send().await?.get_receipt().await?.status(),
        "forceBatch reverted"
    );

    let verified = cluster.verified();
    wait_for("the forced transfer", async || {
        Ok((verified.get_balance(to).await? == ether("1")).then_some(()))
    })
    .await?;

    // The sequencer comes back, finds blocks it did not build, and goes on behind them.
    let _sequencer = cluster.sequencer().await?;
    let l2 = cluster.l2(&key);
    wait_for("the sequencer's view of the forced transfer", async || {
        Ok((l2.get_balance(to).await? == ether("1")).then_some(()))
    })
    .await?;
    let block = transfers(&cluster, to, 1).await?;
    cluster.compare_to(block).await?;
    Ok(())
}
