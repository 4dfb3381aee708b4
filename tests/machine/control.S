# Numbered cases; the exit code is the first that fails, 0 if none does.
#include "cases.h"
START
TAKEN(1, beq, 5, 5)
NOT_TAKEN(2, beq, 5, -5)
TAKEN(3, bne, 1, 0)
NOT_TAKEN(4, bne, 7, 7)
TAKEN(5, blt, -1, 1)
NOT_TAKEN(6, blt, 1, -1)
NOT_TAKEN(7, blt, 3, 3)
TAKEN(8, bge, 1, -1)
TAKEN(9, bge, 3, 3)
NOT_TAKEN(10, bge, -1, 1)
TAKEN(11, bltu, 1, -1)
NOT_TAKEN(12, bltu, -1, 1)
TAKEN(13, bgeu, -1, 1)
TAKEN(14, bgeu, 0, 0)
NOT_TAKEN(15, bgeu, 1, -1)
# Backwards, counted.
li gp, 16; li t0, 0; li t1, 10; 1: addi t0, t0, 3; addi t1, t1, -1; bnez t1, 1b
WANT(t0, 30)
# Links.
li gp, 17; jal t0, 1f; here: j fail; 1: la t1, here; bne t0, t1, fail
li gp, 18; la t1, there; jalr t0, t1, 0; back: j fail; there: la t2, back; bne t0, t2, fail
li gp, 19; la t1, odd; jalr t0, t1, 1; j fail; odd:
li gp, 20; la t0, through; jalr t0, 0(t0); behind: j fail; through: la t2, behind; bne t0, t2, fail
li gp, 21; jal zero, 1f; j fail; 1:
WANT(zero, 0)
# Addresses.
li gp, 22; first: auipc t0, 0; la t1, first; bne t0, t1, fail
li gp, 23; second: auipc t0, 0x1; la t1, second; sub t0, t0, t1
WANT(t0, 0x1000)
li gp, 24; third: auipc t0, 0x80000; la t1, third; sub t0, t0, t1
WANT(t0, 0xffffffff80000000)
li gp, 25; lui t0, 0x80000
WANT(t0, 0xffffffff80000000)
li gp, 26; lui t0, 0x7ffff
WANT(t0, 0x7ffff000)
# Fences do nothing.
li gp, 27; li t0, 5; fence; fence.tso; fence r, w
WANT(t0, 5)
# Calls and returns, nested.
li gp, 28; li a0, 12; call sum
WANT(a0, 78)
PASS
sum: bnez a0, 1f; ret
1: addi sp, sp, -16; sd ra, 8(sp); sd a0, 0(sp); addi a0, a0, -1; call sum; ld t0, 0(sp); ld ra, 8(sp); addi sp, sp, 16; add a0, a0, t0; ret
