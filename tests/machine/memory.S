# Numbered cases; the exit code is the first that fails, 0 if none does.
#include "cases.h"
START
LOAD(1, lb, -128, 0)
LOAD(2, lbu, 0x80, 0)
LOAD(3, lh, 0xffffffffffff8180, 0)
LOAD(4, lhu, 0x8180, 0)
LOAD(5, lw, 0xffffffff83828180, 0)
LOAD(6, lwu, 0x83828180, 0)
LOAD(7, ld, 0x8786858483828180, 0)
LOAD(8, ld, 0xa4a3a2a1a09f9e9d, 29)
LOAD(9, lw, 0xffffffffa1a09f9e, 30)
LOAD(10, lhu, 0xa09f, 31)
LOAD(11, lb, 0x11, -1)
LOAD(12, ld, 0x8685848382818011, -1)
STORE(13, sb, lbu, 0xef, 0x0123456789abcdef, 0)
STORE(14, sh, lhu, 0xcdef, 0x0123456789abcdef, 1)
STORE(15, sw, lwu, 0x89abcdef, 0x0123456789abcdef, 5)
STORE(16, sd, ld, 0x0123456789abcdef, 0x0123456789abcdef, -3)
STORE(17, sd, ld, -1, -1, 2047)
STORE(18, sd, lb, -2, -2, -64)
# A store leaves its neighbours as they were.
li gp, 19; la t1, room + 128; li t2, -1; sd t2, 0(t1); sb zero, 3(t1); ld t0, 0(t1)
WANT(t0, 0xffffffff00ffffff)
li gp, 20; sh zero, 5(t1); ld t0, 0(t1)
WANT(t0, 0xff0000ff00ffffff)
# Over the end of a page.
li gp, 21; la t1, edge; li t2, 0x1122334455667788; sd t2, -3(t1); lw t0, -1(t1)
WANT(t0, 0x33445566)
li gp, 22; lwu t0, -3(t1)
WANT(t0, 0x55667788)
# x0 is not written.
li gp, 23; ld zero, 0(t1); addi zero, zero, 7
WANT(zero, 0)
# A load over its own base.
li gp, 24; la t1, data; ld t1, 0(t1)
WANT(t1, 0x8786858483828180)
PASS
.data
.balign 64
.space 31
.byte 0x11
data: .byte 0x80,0x81,0x82,0x83,0x84,0x85,0x86,0x87,0x88,0x89,0x8a,0x8b,0x8c,0x8d,0x8e,0x8f
.byte 0x90,0x91,0x92,0x93,0x94,0x95,0x96,0x97,0x98,0x99,0x9a,0x9b,0x9c,0x9d,0x9e,0x9f
.byte 0xa0,0xa1,0xa2,0xa3,0xa4,0xa5,0xa6,0xa7
.balign 4096
room: .space 4096
edge: .space 4096
