// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../Base.sol";
import {MachineFixture, Run} from "./MachineFixture.sol";
import {Leaf} from "./SparseTree.sol";

/// @notice Where the machine goes next: branches, jumps, fetching, halting, traps.
contract MachineControlTest is MachineFixture {
    uint64 private constant ONES = type(uint64).max;
    uint64 private constant MIN = 1 << 63;

    uint32 private constant BEQ = 0x00c58863; // beq a1,a2,.+16
    uint32 private constant BNE = 0x00c59863;
    uint32 private constant BLT = 0x00c5c863;
    uint32 private constant BGE = 0x00c5d863;
    uint32 private constant BLTU = 0x00c5e863;
    uint32 private constant BGEU = 0x00c5f863;
    uint32 private constant NOP = 0x00000013;

    function _branches(uint32 word, uint64 a, uint64 b, int64 by) private view {
        Run memory r = running(word);
        r.x[A1] = a;
        r.x[A2] = b;
        _goes(r, by);
    }

    /// @dev Only `pc` changes.
    function _goes(Run memory r, int64 by) private view {
        Run memory next = copyOf(r);
        unchecked {
            next.pc = r.pc + uint64(by);
        }
        assertStep(r, next);
    }

    /// @dev `rd` gets the return address, `pc` becomes `target`.
    function _jumps(Run memory r, uint256 rd, uint64 target) private view {
        Run memory next = copyOf(r);
        if (rd != 0) next.x[rd] = r.pc + 4;
        next.pc = target;
        assertStep(r, next);
    }

    // --------------------------------------------------------------- branches

    function test_BranchesCompare() public view {
        _branches(BEQ, 7, 7, 16);
        _branches(BEQ, 7, 8, 4);
        _branches(BEQ, 1 << 32, 0, 4);
        _branches(BNE, 7, 7, 4);
        _branches(BNE, ONES, 7, 16);
        _branches(BLT, ONES, 0, 16);
        _branches(BLT, 0, ONES, 4);
        _branches(BLT, MIN, MIN - 1, 16);
        _branches(BLT, 5, 5, 4);
        _branches(BGE, ONES, 0, 4);
        _branches(BGE, 0, ONES, 16);
        _branches(BGE, 5, 5, 16);
        _branches(BLTU, ONES, 0, 4);
        _branches(BLTU, 0, ONES, 16);
        _branches(BLTU, 5, 5, 4);
        _branches(BGEU, ONES, 0, 16);
        _branches(BGEU, 0, ONES, 4);
        _branches(BGEU, 5, 5, 16);
    }

    function test_BranchesReach() public view {
        _branches(0x80c58063, 1, 1, -4096);
        _branches(0x7ec58fe3, 1, 1, 4094);
        // A target that cannot be fetched traps at the next step, not here.
        _branches(0x00c58163, 1, 1, 2);
    }

    // ------------------------------------------------------------------ jumps

    function test_JalReaches() public view {
        _jumps(running(0x7fdff0ef), 1, PC + 1_048_572); // jal ra,.+1048572
        _jumps(running(0x800000ef), 1, PC - 1_048_576); // jal ra,.-1048576
        _jumps(running(0x0080006f), 0, PC + 8); // jal x0,.+8
        _jumps(running(0x002000ef), 1, PC + 2); // jal ra,.+2
    }

    function test_JalrClearsBitZero() public view {
        Run memory r = running(0x000580e7); // jalr ra,0(a1)
        r.x[A1] = 0x123456789abcdef1;
        _jumps(r, 1, 0x123456789abcdef0);
        r = running(0x7ff58067); // jalr x0,2047(a1)
        r.x[A1] = 0x1000;
        _jumps(r, 0, 0x17fe);
    }

    function test_JalrReadsBeforeItLinks() public view {
        Run memory r = running(0xfff585e7); // jalr a1,-1(a1)
        r.x[A1] = 0;
        _jumps(r, A1, ONES - 1);
        r = running(0x008585e7); // jalr a1,8(a1)
        r.x[A1] = ONES - 3;
        _jumps(r, A1, 4);
    }

    function test_AuipcAddsToPc() public view {
        assertWrites(running(0x00000517), A0, PC, "auipc a0,0");
        assertWrites(running(0x7ffff517), A0, PC + 0x7ffff000, "auipc a0,0x7ffff");
        Run memory r = running(0x80000517);
        unchecked {
            assertWrites(r, A0, PC - 0x80000000, "auipc a0,0x80000");
        }
        assertWrites(running(0x00001017), 0, 0, "auipc x0,1");
    }

    function test_PcWrapsAtTheEnd() public view {
        // No window lies there, so such a machine can only trap; but its halted forms are states.
        Run memory r = running(NOP);
        r.pc = ONES - 3;
        assertTraps(r);
    }

    // --------------------------------------------------------------- x0, fence

    function test_WritesToX0Vanish() public view {
        assertWrites(running(0x00c58033), 0, 0, "add x0,a1,a2");
        assertWrites(running(0x00001037), 0, 0, "lui x0,1");
        assertWrites(running(NOP), 0, 0, "nop");
    }

    function test_X0ReadsAsZero() public view {
        Run memory r = running(0x00c00533);
        assertWrites(r, A0, r.x[A2], "add a0,x0,a2");
    }

    function test_EveryRegisterIsItsOwn() public view {
        for (uint32 i = 1; i < 32; ++i) {
            // addi xi,xj,1
            uint32 j = 32 - i;
            Run memory r = running((1 << 20) | (j << 15) | (i << 7) | 0x13);
            assertWrites(r, i, r.x[j] + 1, "addi");
        }
    }

    function test_FenceDoesNothing() public view {
        _goes(running(0x0ff0000f), 4); // fence
        _goes(running(0x8330000f), 4); // fence.tso
        _goes(running(0x0210000f), 4); // fence r,w
        _goes(running(0xffff8f8f), 4); // every field
    }

    // ------------------------------------------------------------------ fetch

    function test_FetchesEveryWordOfALeaf() public view {
        for (uint64 i; i < 8; ++i) {
            Run memory r = running(NOP);
            setPc(r, (5 << 25) + 32 * 77 + 4 * i, 0x00150513); // addi a0,a0,1
            assertWrites(r, A0, r.x[A0] + 1, "addi a0,a0,1");
        }
    }

    function test_FetchesTheEndsOfAWindow() public view {
        Run memory r = running(NOP);
        setPc(r, 5 << 25, NOP);
        _goes(r, 4);
        setPc(r, (6 << 25) - 4, NOP);
        _goes(r, 4);
        r.window = 0;
        setPc(r, 0, NOP);
        _goes(r, 4);
        r.window = 127;
        setPc(r, (1 << 32) - 4, NOP);
        _goes(r, 4);
    }

    function test_BadFetchesTrap() public view {
        Run memory r = running(NOP);
        uint64[8] memory bad = [
            PC + 1, PC + 2, PC + 3, (5 << 25) - 4, 6 << 25, PC + (1 << 32), PC + (1 << 33), ONES - 3
        ];
        for (uint256 i; i < bad.length; ++i) {
            r.pc = bad[i];
            assertTraps(r, vm.toString(i));
        }
    }

    /// @dev Window 5 must not be reached from 256 windows further up.
    function test_TheWindowIsAllOfPcsTop() public view {
        Run memory r = running(NOP);
        r.pc = PC + (256 << 25);
        assertTraps(r);
    }

    function test_NoCodeTraps() public view {
        assertTraps(running(0));
        Run memory r = running(NOP);
        r.code = new Leaf[](0);
        assertTraps(r);
    }

    // -------------------------------------------------------------- what traps

    function test_WhatIsNoInstructionTraps() public view {
        assertTraps(running(0x00100073), "ebreak");
        assertTraps(running(0x00000f73), "ecall with rd");
        assertTraps(running(0x00008073), "ecall with rs1");
        assertTraps(running(0x30200073), "mret");
        assertTraps(running(0x10500073), "wfi");
        assertTraps(running(0xc0002573), "rdcycle a0");
        assertTraps(running(0x0000100f), "fence.i");
        assertTraps(running(0x0000200f), "cbo.inval");
        assertTraps(running(0x0000a52f), "amoadd.w");
        assertTraps(running(0x1005252f), "lr.w");
        assertTraps(running(0x00053507), "fld");
        assertTraps(running(0x00b53027), "fsd");
        assertTraps(running(0x02b50553), "fadd.d");
        assertTraps(running(0x00000001), "c.nop");
        assertTraps(running(0xffffffff), "all ones");
        assertTraps(running(0x0005f503), "load, funct3 7");
        assertTraps(running(0x00c5c023), "store, funct3 4");
        assertTraps(running(0x00c5a063), "branch, funct3 2");
        assertTraps(running(0x00c5b063), "branch, funct3 3");
        assertTraps(running(0x000590e7), "jalr, funct3 1");
    }

    /// @dev Bit 25 of the word is the sixth bit of a shift amount that has five.
    function test_WordShiftsWithBit25Trap() public view {
        assertTraps(running(0x0205951b), "slliw");
        assertTraps(running(0x0205d51b), "srliw");
        assertTraps(running(0x4205d51b), "sraiw");
        assertTraps(running(0x6205d51b), "roriw");
    }

    function test_NeighboursOfInstructionsTrap() public view {
        assertTraps(running(0x0415951b), "slli with bit 26");
        assertTraps(running(0x04059513), "slli with bit 26");
        assertTraps(running(0x0815c53b), "packw, zext.h but for rs2");
        assertTraps(running(0x08c5c533), "pack");
        assertTraps(running(0x0ac59533), "clmul");
        assertTraps(running(0x40c59533), "sll with bit 30");
        assertTraps(running(0x02c5953b), "mulhw");
        assertTraps(running(0x60359513), "unary 3");
        assertTraps(running(0x6035951b), "unary 3, 32 bits");
        assertTraps(running(0x6045951b), "sext.b, 32 bits");
        assertTraps(running(0x6985d513), "rev8 of RV32");
        assertTraps(running(0x2875d51b), "orc.b, 32 bits");
        assertTraps(running(0x0805c533), "zext.h of RV32");
    }

    // ------------------------------------------------------------------ halts

    function test_WhatDoesNotRunStaysAsItIs() public view {
        for (uint256 status; status < 256; ++status) {
            if (status == RUNNING) continue;
            Run memory r = running(NOP);
            r.status = uint8(status);
            r.exitCode = uint8(status * 7);
            assertStep(r, r);
        }
    }

    function test_ATrapKeepsEverythingElse() public view {
        Run memory r = running(0);
        r.exitCode = 200;
        assertTraps(r);
    }

    function testFuzz_TotalOnEveryState(bytes32 seed, uint8 status, uint64 pc) public view {
        Run memory r = running(NOP);
        r.input = seed;
        r.status = status;
        r.pc = pc;
        Run memory next = copyOf(r);
        if (status == RUNNING) next.status = TRAPPED; // almost never in the window
        vm.assume(pc >> 25 != 5);
        assertStep(r, next);
    }
}
