//! The vectors that the contracts assert too: what is committed is what the reference does.

#[path = "../examples/machine_vectors.rs"]
mod generator;

use generator::{files, folder};

#[test]
fn committed_vectors_are_what_the_generator_writes() {
    let expected = files();
    for (name, text) in &expected {
        let found = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        let hint = "cargo run -p assay-machine --example machine_vectors";
        assert!(found == *text, "{name} differs from what `{hint}` writes");
    }
    let names = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(names, expected.len(), "a file that nobody writes");
}
