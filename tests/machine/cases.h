/* Case n leaves n in gp; where its result is not the one wanted, the program exits with it. */
#define START .globl _start; _start:
#define PASS li a0, 0; li a7, 93; ecall; fail: mv a0, gp; li a7, 93; ecall;
#define WANT(reg, want) li t6, want; bne reg, t6, fail;
#define RR(n, op, want, a, b) li gp, n; li t1, a; li t2, b; op t0, t1, t2; WANT(t0, want) mv t3, t1; op t3, t3, t2; WANT(t3, want) op t2, t1, t2; WANT(t2, want)
#define R1(n, op, want, a) li gp, n; li t1, a; op t0, t1; WANT(t0, want) op t1, t1; WANT(t1, want)
#define RI(n, op, want, a, imm) li gp, n; li t1, a; op t0, t1, imm; WANT(t0, want) op t1, t1, imm; WANT(t1, want)
#define LOAD(n, op, want, at) li gp, n; la t1, data; op t0, at(t1); WANT(t0, want)
#define STORE(n, op, load, want, value, at) li gp, n; la t1, room + 64; li t2, value; op t2, at(t1); load t0, at(t1); WANT(t0, want)
#define TAKEN(n, op, a, b) li gp, n; li t1, a; li t2, b; op t1, t2, 1f; j fail; 1:
#define NOT_TAKEN(n, op, a, b) li gp, n; li t1, a; li t2, b; op t1, t2, fail;
