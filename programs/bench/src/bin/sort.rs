//! Sorts a megabyte in two ways, which reads and writes all over the memory.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

program_bench::entry!(work);

const ROUNDS: u64 = 94;
const LEN: usize = 1 << 16;

static mut NUMBERS: [[u64; LEN]; 2] = [[0; LEN]; 2];

fn work() -> u64 {
    let numbers = &raw mut NUMBERS;
    // SAFETY: the only thread, and the only use.
    let [quick, heap] = unsafe { &mut *numbers };
    let (mut sum, mut x) = (0u64, 88_172_645_463_325_252u64);
    for _ in 0..ROUNDS {
        for (a, b) in quick.iter_mut().zip(&mut *heap) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (*a, *b) = (x, x.wrapping_mul(3));
        }
        quick.sort_unstable();
        sort_by_heap(heap);
        for (a, b) in quick.iter().zip(&*heap) {
            sum = sum.wrapping_mul(31).wrapping_add(a ^ b);
        }
    }
    sum
}

fn sort_by_heap(numbers: &mut [u64]) {
    for root in (0..numbers.len() / 2).rev() {
        sift(numbers, root);
    }
    for end in (1..numbers.len()).rev() {
        numbers.swap(0, end);
        sift(&mut numbers[..end], 0);
    }
}

fn sift(numbers: &mut [u64], mut root: usize) {
    while let Some(&left) = numbers.get(2 * root + 1) {
        let mut child = 2 * root + 1;
        if numbers.get(child + 1).is_some_and(|right| *right > left) {
            child += 1;
        }
        if numbers[root] >= numbers[child] {
            return;
        }
        numbers.swap(root, child);
        root = child;
    }
}
