//! Agents and a client on a real market, in processes that are killed, lie, vanish and starve.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use alloy::primitives::U256;
use assay_provider::Stage;
use assay_provider::client::ClientError;
use serde_json::json;
use support::{World, expected, read};

const DISPUTED: u8 = 6;
const FINAL: u8 = 7;
const INPUT_FAULT: u8 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_run_by_two_compared_paid_and_its_output_proven() {
    let mut world = World::start().await;
    let _reference = world.agent(1, "reference", json!({}));
    let _cuda = world.agent(2, "cuda", json!({}));
    let prepared = world.job("one", 5000, "");
    let (dry, _) = prepared.dry_run(support::CONFIG_HASH, &mut |_| assay_compute::Flow::Continue).unwrap();
    assert!(world.client.quote(&prepared).await.unwrap() > U256::ZERO);
    let (submission, serving) = world.submit(&prepared).await;

    let early = world.client.fetch(&submission, Some(&serving), &|_, _| ()).await.unwrap_err();
    assert!(matches!(early, ClientError::NoResult { .. }), "{early}");
    let view = world.finish(submission.job, &serving).await;
    assert_eq!(view.state, FINAL);
    assert_eq!((view.units, view.result_root), (dry.units, dry.result_root), "as the dry run said");
    assert_eq!(view.replicas.len(), 2);

    let fetched = world.client.fetch(&submission, Some(&serving), &|_, _| ()).await.unwrap();
    assert_eq!(fetched.written, submission.outputs);
    assert_eq!(read(&submission.outputs[0]), expected(5000));

    // From another process, without the serving one's endpoint.
    serving.close().await;
    std::fs::remove_file(&submission.outputs[0]).unwrap();
    let again = world.client.submission(submission.job).unwrap();
    world.client.fetch(&again, None, &|_, _| ()).await.unwrap();
    assert_eq!(read(&submission.outputs[0]), expected(5000));

    let story = world.client.explain(submission.job).await.unwrap();
    assert_eq!(story.state, "Final");
    assert_eq!(story.moves.first().unwrap().1, "it was posted");
    assert_eq!(story.moves.last().unwrap().1, "the challenge window is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_at_every_stage_loses_no_job() {
    let mut world = World::start().await;
    let _other = world.agent(2, "reference", json!({}));
    let stages = Stage::ALL.into_iter().filter(|stage| !stage.is_end());
    for (index, stage) in stages.enumerate() {
        let prepared = world.job(&format!("job{index}"), 100 + index as u32, "");
        let mut doomed = world.agent(1, "reference", json!({"crash_at": stage.name()}));
        let (submission, serving) = world.submit(&prepared).await;
        let died = tokio::select! {
            () = doomed.ended() => true,
            // Lets the replicas in meanwhile.
            _ = world.until(submission.job, &serving, |_| false) => false,
        };
        assert!(died, "killed at {stage}");
        let _again = world.agent(1, "reference", json!({}));
        let view = world.finish(submission.job, &serving).await;
        assert_eq!(view.state, FINAL, "after a kill at {stage}");
        let paid = view.replicas.iter().find(|r| r.provider == world.provider_address(1)).unwrap();
        assert_eq!(paid.result_root, view.result_root, "after a kill at {stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_when_paid_collects_later() {
    let mut world = World::start().await;
    let mut doomed = world.agent(1, "reference", json!({"crash_at": "settled"}));
    let (submission, serving) = world.submit(&world.job("one", 200, "replicas = 1")).await;
    let view = world.finish(submission.job, &serving).await;
    assert_eq!(view.state, FINAL);
    doomed.ended().await;
    let credit = world.client.chain().market().credits(world.provider_address(1));
    assert!(credit.call().await.unwrap() > U256::ZERO, "killed before it withdrew");
    let _again = world.agent(1, "reference", json!({}));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while credit.call().await.unwrap() > U256::ZERO {
        assert!(std::time::Instant::now() < end, "the pay is never collected");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_serves_its_outputs_again() {
    let mut world = World::start().await;
    let mut agent = world.agent(1, "reference", json!({}));
    let (submission, serving) = world.submit(&world.job("one", 700, "replicas = 1")).await;
    world.finish(submission.job, &serving).await;
    agent.kill();
    let nobody = world.client.fetch(&submission, Some(&serving), &|_, _| ()).await.unwrap_err();
    assert!(matches!(nobody, ClientError::NobodyServes { .. }), "{nobody}");
    let _agent = world.agent(1, "reference", json!({}));
    let fetched = loop {
        match world.client.fetch(&submission, Some(&serving), &|_, _| ()).await {
            Ok(fetched) => break fetched,
            Err(ClientError::NobodyServes { .. }) => tokio::task::yield_now().await,
            Err(e) => panic!("{e}"),
        }
    };
    assert_eq!(read(&fetched.written[0]), expected(700));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_ends_in_a_dispute_and_nobody_is_paid() {
    let mut world = World::start().await;
    let _honest = world.agent(1, "reference", json!({}));
    let _liar = world.agent(2, "reference", json!({"misbehave": "lie"}));
    let (submission, serving) = world.submit(&world.job("one", 300, "")).await;
    let view = world.until(submission.job, &serving, |view| view.state >= 5).await;
    assert_eq!(view.state, DISPUTED);
    assert!(view.result_root.is_zero());
    // Undecided for too long: everything is returned, by whoever comes first.
    world.advance(3601).await;
    let view = world.until(submission.job, &serving, |_| false).await;
    assert_eq!(view.state, 11, "void");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_vanishes_or_hides_its_result_loses_its_bond_and_the_other_is_paid() {
    for how in ["vanish-after-ack", "no-reveal"] {
        let mut world = World::start().await;
        let _honest = world.agent(1, "reference", json!({}));
        let _other = world.agent(2, "reference", json!({"misbehave": how}));
        let (submission, serving) = world.submit(&world.job("one", 300, "")).await;
        let stuck = |view: &assay_provider::JobView| {
            let honest = view.replicas.iter().filter(|r| r.state >= 3).count();
            if how == "no-reveal" { view.replicas.iter().any(|r| r.state == 4) } else { honest == 1 }
        };
        world.until(submission.job, &serving, stuck).await;
        world.advance(3601).await;
        let view = world.finish(submission.job, &serving).await;
        assert_eq!(view.state, FINAL, "{how}");
        let states: Vec<(_, u8)> = view.replicas.iter().map(|r| (r.provider, r.state)).collect();
        assert!(states.contains(&(world.provider_address(1), 4)), "{how}: paid {states:?}");
        assert!(states.contains(&(world.provider_address(2), 5)), "{how}: defaulted {states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_serves_nothing_or_something_else_gets_its_money_back() {
    let mut world = World::start().await;
    let _agent = world.agent(1, "reference", json!({}));
    // Something else: the input file is not the one the plan was made from.
    let prepared = world.job("else", 300, "replicas = 1");
    std::fs::write(world.path("else/x.bin"), vec![7; 1200]).unwrap();
    let (submission, serving) = world.submit(&prepared).await;
    let view = world.until(submission.job, &serving, |_| false).await;
    assert_eq!(view.state, INPUT_FAULT);
    let story = world.client.explain(submission.job).await.unwrap();
    assert_eq!(story.left[0].1, "the providers could not use the inputs");

    // Nothing: the client goes away after its post.
    let (submission, serving) = world.submit(&world.job("nothing", 300, "replicas = 1")).await;
    let locator = world.serve(&world.job("other", 10, "replicas = 1")).await;
    serving.close().await;
    world.until(submission.job, &locator, |view| view.state == 2).await;
    world.advance(500).await;
    let view = world.until(submission.job, &locator, |_| false).await;
    assert_eq!(view.state, INPUT_FAULT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_nobody_may_take_says_why() {
    let mut world = World::start().await;
    let _agent = world.agent(1, "reference", json!({}));
    let dear = world.job("cheap", 300, "replicas = 1\nmega_unit_wei = 1");
    let (submission, serving) = world.submit(&dear).await;
    let story = loop {
        let story = world.client.explain(submission.job).await.unwrap();
        if !story.refusals.is_empty() {
            break story;
        }
        tokio::task::yield_now().await;
    };
    assert!(story.refusals[0].1.contains("a million work units cost 100000000 wei"), "{story:?}");
    world.advance(601).await;
    let view = world.client.chain().view(submission.job).await.unwrap();
    world.client.exit(&view, submission.job).await.unwrap();
    let view = world.until(submission.job, &serving, |_| false).await;
    assert_eq!(view.state, 9, "expired");
}
