//! The contract is the reference: its bytecode on random programs, and on witnesses that were tampered with.

use alloy_primitives::B256;
use assay_machine::{Executor, verify_step};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

#[path = "common/contract.rs"]
mod contract;
#[path = "common/encode.rs"]
mod encode;
#[path = "common/random.rs"]
mod random;
use contract::Contract;
use random::{Everything, config, start};

/// Steps that must be equal.
const STEPS: u64 = 100_000;
/// Steps of one program at most.
const STEPS_EACH: u64 = 400;

#[test]
fn the_contract_steps_as_the_reference_does() {
    let mut contract = Contract::new();
    let mut runner = TestRunner::new(config(9, 1));
    let (mut total, mut parts_read) = (0, 0);
    while total < STEPS {
        let program = start().new_tree(&mut runner).expect("a program").current().program();
        let root = program.code().root();
        let mut machine = Executor::new(program, B256::repeat_byte(7)).unwrap();
        for _ in 0..STEPS_EACH {
            let before = machine.state();
            let witness = machine.step_witness(&mut Everything).unwrap();
            let mut part = None;
            verify_step(root, &before, &witness, |hash| part.replace(*hash).is_none()).unwrap();
            parts_read += u32::from(part.is_some());
            let found = contract.step(root, &before.pack(), &witness, part);
            assert_eq!(found, Some((before.hash(), machine.state_hash())), "{before:?}");
            total += 1;
            // A machine that stands still was asked once: its witness is empty.
            if !before.cpu.is_running() {
                break;
            }
        }
    }
    assert!(parts_read > 0, "no program read a part");
}

#[test]
fn the_contract_refuses_every_other_witness() {
    let mut contract = Contract::new();
    let mut runner = TestRunner::new(config(10, 1));
    let mut refused = 0;
    while refused < 4_000 {
        let tree = (start(), 0u64..120, any::<(u16, u8)>()).new_tree(&mut runner).expect("a program");
        let (start, skip, (at, flip)) = tree.current();
        let program = start.program();
        let root = program.code().root();
        let mut machine = Executor::new(program, B256::ZERO).unwrap();
        machine.run(skip, &mut Everything).unwrap();
        let before = machine.state();
        let witness = machine.step_witness(&mut Everything).unwrap();
        let mut part = None;
        verify_step(root, &before, &witness, |hash| part.replace(*hash).is_none()).unwrap();
        let mut longer = witness.clone();
        longer.push(0);
        let mut others = vec![longer];
        if !witness.is_empty() {
            others.push(witness[..witness.len() - 1].to_vec());
            let mut flipped = witness.clone();
            flipped[usize::from(at) % witness.len()] ^= flip | 1;
            others.push(flipped);
        }
        for other in others {
            assert_eq!(contract.step(root, &before.pack(), &other, part), None, "{before:?}");
            refused += 1;
        }
    }
}
