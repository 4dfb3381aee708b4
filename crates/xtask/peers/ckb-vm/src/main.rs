//! Runs an ELF file on ckb-vm's assembly interpreter, with and without its fusion of instructions, and prints the faster one's seconds,
//! instructions and exit code as JSON.

use std::time::Instant;

use ckb_vm::{
    Bytes, DefaultMachineRunner, ISA_B, ISA_IMC, ISA_MOP, SupportMachine,
    machine::{
        DefaultMachineBuilder, VERSION2,
        asm::{AsmCoreMachine, AsmMachine},
    },
};

fn main() {
    let file = std::env::args().nth(1).expect("an ELF file");
    let file: Bytes = std::fs::read(file).expect("the file can be read").into();
    // a fused pair counts as one instruction, so only the plain mode counts
    let (plain, instructions, exit) = run(&file, ISA_IMC | ISA_B);
    let (fused, _, fused_exit) = run(&file, ISA_IMC | ISA_B | ISA_MOP);
    assert_eq!(exit, fused_exit);
    let seconds = plain.min(fused);
    println!(r#"{{"seconds":{seconds},"instructions":{instructions},"exit":{exit}}}"#);
}

fn run(file: &Bytes, isa: u8) -> (f64, u64, i8) {
    let core = <Box<AsmCoreMachine> as SupportMachine>::new(isa, VERSION2, u64::MAX);
    let core = DefaultMachineBuilder::new(core).instruction_cycle_func(Box::new(|_| 1)).build();
    let mut machine = AsmMachine::new(core);
    machine.load_program(file, [].into_iter()).expect("the program fits");
    let start = Instant::now();
    let exit = machine.run().expect("the program exits");
    (start.elapsed().as_secs_f64(), machine.machine.cycles(), exit)
}
