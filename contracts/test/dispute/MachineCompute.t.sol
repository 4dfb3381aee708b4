// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MachineFixture} from "./MachineFixture.sol";

/// @notice Every instruction that computes, by its corner cases in the manual, through whole steps.
/// @dev Words are GNU as 2.40's for `a0, a1, a2`; values are the manual's and equal to what qemu-riscv64
/// 7.2 computes (but for `ctzw`, of which it counts 64 bits).
contract MachineComputeTest is MachineFixture {
    function test_Integer() public view {
        check(0x00c58533, 0x123456789abcdef, 0xfedcba9876543210, 0xffffffffffffffff, "add a0,a1,a2");
        check(0x00c58533, 0xffffffffffffffff, 1, 0, "add a0,a1,a2");
        check(0x00c58533, 0x8000000000000000, 0x8000000000000000, 0, "add a0,a1,a2");
        check(0x00c58533, 0, 1, 1, "add a0,a1,a2");
        check(0x40c58533, 0x123456789abcdef, 0xfedcba9876543210, 0x2468acf13579bdf, "sub a0,a1,a2");
        check(0x40c58533, 0xffffffffffffffff, 1, 0xfffffffffffffffe, "sub a0,a1,a2");
        check(0x40c58533, 0x8000000000000000, 0x8000000000000000, 0, "sub a0,a1,a2");
        check(0x40c58533, 0, 1, 0xffffffffffffffff, "sub a0,a1,a2");
        check(0x00c5a533, 0xffffffffffffffff, 0, 1, "slt a0,a1,a2");
        check(0x00c5a533, 0, 0xffffffffffffffff, 0, "slt a0,a1,a2");
        check(0x00c5a533, 0x8000000000000000, 0x7fffffffffffffff, 1, "slt a0,a1,a2");
        check(0x00c5a533, 5, 5, 0, "slt a0,a1,a2");
        check(0x00c5b533, 0xffffffffffffffff, 0, 0, "sltu a0,a1,a2");
        check(0x00c5b533, 0, 0xffffffffffffffff, 1, "sltu a0,a1,a2");
        check(0x00c5b533, 0x8000000000000000, 0x7fffffffffffffff, 0, "sltu a0,a1,a2");
        check(0x00c5b533, 5, 5, 0, "sltu a0,a1,a2");
        check(0x00c5c533, 0x123456789abcdef, 0xfedcba9876543210, 0xffffffffffffffff, "xor a0,a1,a2");
        check(0x00c5c533, 0x123456789abcdef, 0xff00ff00ff00ff00, 0xfe23ba6776ab32ef, "xor a0,a1,a2");
        check(
            0x00c5c533, 0xffffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff, "xor a0,a1,a2"
        );
        check(0x00c5e533, 0x123456789abcdef, 0xfedcba9876543210, 0xffffffffffffffff, "or a0,a1,a2");
        check(0x00c5e533, 0x123456789abcdef, 0xff00ff00ff00ff00, 0xff23ff67ffabffef, "or a0,a1,a2");
        check(0x00c5e533, 0xffffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, "or a0,a1,a2");
        check(0x00c5f533, 0x123456789abcdef, 0xfedcba9876543210, 0, "and a0,a1,a2");
        check(0x00c5f533, 0x123456789abcdef, 0xff00ff00ff00ff00, 0x10045008900cd00, "and a0,a1,a2");
        check(
            0x00c5f533, 0xffffffffffffffff, 0x8000000000000000, 0x8000000000000000, "and a0,a1,a2"
        );
        check(0x00c59533, 0x8123456789abcdef, 4, 0x123456789abcdef0, "sll a0,a1,a2");
        check(0x00c59533, 0x8123456789abcdef, 0, 0x8123456789abcdef, "sll a0,a1,a2");
        check(0x00c59533, 0x8123456789abcdef, 0x3f, 0x8000000000000000, "sll a0,a1,a2");
        check(0x00c59533, 0x8123456789abcdef, 0x40, 0x8123456789abcdef, "sll a0,a1,a2");
        check(
            0x00c59533, 0x8123456789abcdef, 0xffffffffffffff48, 0x23456789abcdef00, "sll a0,a1,a2"
        );
        check(0x00c5d533, 0x8123456789abcdef, 4, 0x8123456789abcde, "srl a0,a1,a2");
        check(0x00c5d533, 0x8123456789abcdef, 0, 0x8123456789abcdef, "srl a0,a1,a2");
        check(0x00c5d533, 0x8123456789abcdef, 0x3f, 1, "srl a0,a1,a2");
        check(0x00c5d533, 0x8123456789abcdef, 0x40, 0x8123456789abcdef, "srl a0,a1,a2");
        check(0x00c5d533, 0x8123456789abcdef, 0xffffffffffffff48, 0x8123456789abcd, "srl a0,a1,a2");
        check(0x40c5d533, 0x8123456789abcdef, 4, 0xf8123456789abcde, "sra a0,a1,a2");
        check(0x40c5d533, 0x8123456789abcdef, 0, 0x8123456789abcdef, "sra a0,a1,a2");
        check(0x40c5d533, 0x8123456789abcdef, 0x3f, 0xffffffffffffffff, "sra a0,a1,a2");
        check(0x40c5d533, 0x8123456789abcdef, 0x40, 0x8123456789abcdef, "sra a0,a1,a2");
        check(
            0x40c5d533, 0x8123456789abcdef, 0xffffffffffffff48, 0xff8123456789abcd, "sra a0,a1,a2"
        );
    }

    function test_IntegerW() public view {
        check(0x00c5853b, 0x7fffffff, 1, 0xffffffff80000000, "addw a0,a1,a2");
        check(
            0x00c5853b, 0x123456789abcdef, 0xfedcba9876543210, 0xffffffffffffffff, "addw a0,a1,a2"
        );
        check(0x00c5853b, 0x100000000, 0, 0, "addw a0,a1,a2");
        check(0x00c5853b, 0x80000000, 1, 0xffffffff80000001, "addw a0,a1,a2");
        check(0x40c5853b, 0x7fffffff, 1, 0x7ffffffe, "subw a0,a1,a2");
        check(0x40c5853b, 0x123456789abcdef, 0xfedcba9876543210, 0x13579bdf, "subw a0,a1,a2");
        check(0x40c5853b, 0x100000000, 0, 0, "subw a0,a1,a2");
        check(0x40c5853b, 0x80000000, 1, 0x7fffffff, "subw a0,a1,a2");
        check(0x00c5953b, 0xdeadbeef89abcdef, 4, 0xffffffff9abcdef0, "sllw a0,a1,a2");
        check(0x00c5953b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "sllw a0,a1,a2");
        check(0x00c5953b, 0xdeadbeef89abcdef, 0x1f, 0xffffffff80000000, "sllw a0,a1,a2");
        check(0x00c5953b, 0xdeadbeef89abcdef, 0x20, 0xffffffff89abcdef, "sllw a0,a1,a2");
        check(
            0x00c5953b, 0xdeadbeef89abcdef, 0xffffffffffffffe8, 0xffffffffabcdef00, "sllw a0,a1,a2"
        );
        check(0x00c5d53b, 0xdeadbeef89abcdef, 4, 0x89abcde, "srlw a0,a1,a2");
        check(0x00c5d53b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "srlw a0,a1,a2");
        check(0x00c5d53b, 0xdeadbeef89abcdef, 0x1f, 1, "srlw a0,a1,a2");
        check(0x00c5d53b, 0xdeadbeef89abcdef, 0x20, 0xffffffff89abcdef, "srlw a0,a1,a2");
        check(0x00c5d53b, 0xdeadbeef89abcdef, 0xffffffffffffffe8, 0x89abcd, "srlw a0,a1,a2");
        check(0x40c5d53b, 0xdeadbeef89abcdef, 4, 0xfffffffff89abcde, "sraw a0,a1,a2");
        check(0x40c5d53b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "sraw a0,a1,a2");
        check(0x40c5d53b, 0xdeadbeef89abcdef, 0x1f, 0xffffffffffffffff, "sraw a0,a1,a2");
        check(0x40c5d53b, 0xdeadbeef89abcdef, 0x20, 0xffffffff89abcdef, "sraw a0,a1,a2");
        check(
            0x40c5d53b, 0xdeadbeef89abcdef, 0xffffffffffffffe8, 0xffffffffff89abcd, "sraw a0,a1,a2"
        );
    }

    function test_Immediate() public view {
        check(0xfff58513, 0x123456789abcdef, 0, 0x123456789abcdee, "addi a0,a1,-1");
        check(0xfff58513, 0x7fffffff, 0, 0x7ffffffe, "addi a0,a1,-1");
        check(0x7ff58513, 0x123456789abcdef, 0, 0x123456789abd5ee, "addi a0,a1,2047");
        check(0x7ff58513, 0x7fffffff, 0, 0x800007fe, "addi a0,a1,2047");
        check(0x80058513, 0x123456789abcdef, 0, 0x123456789abc5ef, "addi a0,a1,-2048");
        check(0x80058513, 0x7fffffff, 0, 0x7ffff7ff, "addi a0,a1,-2048");
        check(0x00058513, 0x123456789abcdef, 0, 0x123456789abcdef, "addi a0,a1,0");
        check(0x00058513, 0x7fffffff, 0, 0x7fffffff, "addi a0,a1,0");
        check(0xfff5a513, 0x123456789abcdef, 0, 0, "slti a0,a1,-1");
        check(0xfff5a513, 0x7fffffff, 0, 0, "slti a0,a1,-1");
        check(0x7ff5a513, 0x123456789abcdef, 0, 0, "slti a0,a1,2047");
        check(0x7ff5a513, 0x7fffffff, 0, 0, "slti a0,a1,2047");
        check(0x8005a513, 0x123456789abcdef, 0, 0, "slti a0,a1,-2048");
        check(0x8005a513, 0x7fffffff, 0, 0, "slti a0,a1,-2048");
        check(0x0005a513, 0x123456789abcdef, 0, 0, "slti a0,a1,0");
        check(0x0005a513, 0x7fffffff, 0, 0, "slti a0,a1,0");
        check(0xfff5b513, 0x123456789abcdef, 0, 1, "sltiu a0,a1,-1");
        check(0xfff5b513, 0x7fffffff, 0, 1, "sltiu a0,a1,-1");
        check(0x7ff5b513, 0x123456789abcdef, 0, 0, "sltiu a0,a1,2047");
        check(0x7ff5b513, 0x7fffffff, 0, 0, "sltiu a0,a1,2047");
        check(0x8005b513, 0x123456789abcdef, 0, 1, "sltiu a0,a1,-2048");
        check(0x8005b513, 0x7fffffff, 0, 1, "sltiu a0,a1,-2048");
        check(0x0005b513, 0x123456789abcdef, 0, 0, "sltiu a0,a1,0");
        check(0x0005b513, 0x7fffffff, 0, 0, "sltiu a0,a1,0");
        check(0xfff5c513, 0x123456789abcdef, 0, 0xfedcba9876543210, "xori a0,a1,-1");
        check(0xfff5c513, 0x7fffffff, 0, 0xffffffff80000000, "xori a0,a1,-1");
        check(0x7ff5c513, 0x123456789abcdef, 0, 0x123456789abca10, "xori a0,a1,2047");
        check(0x7ff5c513, 0x7fffffff, 0, 0x7ffff800, "xori a0,a1,2047");
        check(0x8005c513, 0x123456789abcdef, 0, 0xfedcba98765435ef, "xori a0,a1,-2048");
        check(0x8005c513, 0x7fffffff, 0, 0xffffffff800007ff, "xori a0,a1,-2048");
        check(0x0005c513, 0x123456789abcdef, 0, 0x123456789abcdef, "xori a0,a1,0");
        check(0x0005c513, 0x7fffffff, 0, 0x7fffffff, "xori a0,a1,0");
        check(0xfff5e513, 0x123456789abcdef, 0, 0xffffffffffffffff, "ori a0,a1,-1");
        check(0xfff5e513, 0x7fffffff, 0, 0xffffffffffffffff, "ori a0,a1,-1");
        check(0x7ff5e513, 0x123456789abcdef, 0, 0x123456789abcfff, "ori a0,a1,2047");
        check(0x7ff5e513, 0x7fffffff, 0, 0x7fffffff, "ori a0,a1,2047");
        check(0x8005e513, 0x123456789abcdef, 0, 0xfffffffffffffdef, "ori a0,a1,-2048");
        check(0x8005e513, 0x7fffffff, 0, 0xffffffffffffffff, "ori a0,a1,-2048");
        check(0x0005e513, 0x123456789abcdef, 0, 0x123456789abcdef, "ori a0,a1,0");
        check(0x0005e513, 0x7fffffff, 0, 0x7fffffff, "ori a0,a1,0");
        check(0xfff5f513, 0x123456789abcdef, 0, 0x123456789abcdef, "andi a0,a1,-1");
        check(0xfff5f513, 0x7fffffff, 0, 0x7fffffff, "andi a0,a1,-1");
        check(0x7ff5f513, 0x123456789abcdef, 0, 0x5ef, "andi a0,a1,2047");
        check(0x7ff5f513, 0x7fffffff, 0, 0x7ff, "andi a0,a1,2047");
        check(0x8005f513, 0x123456789abcdef, 0, 0x123456789abc800, "andi a0,a1,-2048");
        check(0x8005f513, 0x7fffffff, 0, 0x7ffff800, "andi a0,a1,-2048");
        check(0x0005f513, 0x123456789abcdef, 0, 0, "andi a0,a1,0");
        check(0x0005f513, 0x7fffffff, 0, 0, "andi a0,a1,0");
        check(0xfff5851b, 0x123456789abcdef, 0, 0xffffffff89abcdee, "addiw a0,a1,-1");
        check(0xfff5851b, 0x7fffffff, 0, 0x7ffffffe, "addiw a0,a1,-1");
        check(0x7ff5851b, 0x123456789abcdef, 0, 0xffffffff89abd5ee, "addiw a0,a1,2047");
        check(0x7ff5851b, 0x7fffffff, 0, 0xffffffff800007fe, "addiw a0,a1,2047");
        check(0x8005851b, 0x123456789abcdef, 0, 0xffffffff89abc5ef, "addiw a0,a1,-2048");
        check(0x8005851b, 0x7fffffff, 0, 0x7ffff7ff, "addiw a0,a1,-2048");
        check(0x0005851b, 0x123456789abcdef, 0, 0xffffffff89abcdef, "addiw a0,a1,0");
        check(0x0005851b, 0x7fffffff, 0, 0x7fffffff, "addiw a0,a1,0");
    }

    function test_ImmediateShift() public view {
        check(0x00059513, 0x8123456789abcdef, 0, 0x8123456789abcdef, "slli a0,a1,0");
        check(0x00159513, 0x8123456789abcdef, 0, 0x2468acf13579bde, "slli a0,a1,1");
        check(0x02059513, 0x8123456789abcdef, 0, 0x89abcdef00000000, "slli a0,a1,32");
        check(0x03f59513, 0x8123456789abcdef, 0, 0x8000000000000000, "slli a0,a1,63");
        check(0x0005d513, 0x8123456789abcdef, 0, 0x8123456789abcdef, "srli a0,a1,0");
        check(0x0015d513, 0x8123456789abcdef, 0, 0x4091a2b3c4d5e6f7, "srli a0,a1,1");
        check(0x0205d513, 0x8123456789abcdef, 0, 0x81234567, "srli a0,a1,32");
        check(0x03f5d513, 0x8123456789abcdef, 0, 1, "srli a0,a1,63");
        check(0x4005d513, 0x8123456789abcdef, 0, 0x8123456789abcdef, "srai a0,a1,0");
        check(0x4015d513, 0x8123456789abcdef, 0, 0xc091a2b3c4d5e6f7, "srai a0,a1,1");
        check(0x4205d513, 0x8123456789abcdef, 0, 0xffffffff81234567, "srai a0,a1,32");
        check(0x43f5d513, 0x8123456789abcdef, 0, 0xffffffffffffffff, "srai a0,a1,63");
        check(0x6005d513, 0x8123456789abcdef, 0, 0x8123456789abcdef, "rori a0,a1,0");
        check(0x6015d513, 0x8123456789abcdef, 0, 0xc091a2b3c4d5e6f7, "rori a0,a1,1");
        check(0x6205d513, 0x8123456789abcdef, 0, 0x89abcdef81234567, "rori a0,a1,32");
        check(0x63f5d513, 0x8123456789abcdef, 0, 0x2468acf13579bdf, "rori a0,a1,63");
        check(0x0005951b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "slliw a0,a1,0");
        check(0x0015951b, 0xdeadbeef89abcdef, 0, 0x13579bde, "slliw a0,a1,1");
        check(0x01f5951b, 0xdeadbeef89abcdef, 0, 0xffffffff80000000, "slliw a0,a1,31");
        check(0x0005d51b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "srliw a0,a1,0");
        check(0x0015d51b, 0xdeadbeef89abcdef, 0, 0x44d5e6f7, "srliw a0,a1,1");
        check(0x01f5d51b, 0xdeadbeef89abcdef, 0, 1, "srliw a0,a1,31");
        check(0x4005d51b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "sraiw a0,a1,0");
        check(0x4015d51b, 0xdeadbeef89abcdef, 0, 0xffffffffc4d5e6f7, "sraiw a0,a1,1");
        check(0x41f5d51b, 0xdeadbeef89abcdef, 0, 0xffffffffffffffff, "sraiw a0,a1,31");
        check(0x6005d51b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "roriw a0,a1,0");
        check(0x6015d51b, 0xdeadbeef89abcdef, 0, 0xffffffffc4d5e6f7, "roriw a0,a1,1");
        check(0x61f5d51b, 0xdeadbeef89abcdef, 0, 0x13579bdf, "roriw a0,a1,31");
        check(0x0805951b, 0xdeadbeef89abcdef, 0, 0x89abcdef, "slli.uw a0,a1,0");
        check(0x0845951b, 0xdeadbeef89abcdef, 0, 0x89abcdef0, "slli.uw a0,a1,4");
        check(0x0a05951b, 0xdeadbeef89abcdef, 0, 0x89abcdef00000000, "slli.uw a0,a1,32");
        check(0x0bf5951b, 0xdeadbeef89abcdef, 0, 0x8000000000000000, "slli.uw a0,a1,63");
    }

    function test_Product() public view {
        check(0x02c58533, 0x123456789abcdef, 0xfedcba9876543210, 0x2236d88fe5618cf0, "mul a0,a1,a2");
        check(0x02c58533, 0xffffffffffffffff, 0xffffffffffffffff, 1, "mul a0,a1,a2");
        check(0x02c58533, 0x8000000000000000, 0x8000000000000000, 0, "mul a0,a1,a2");
        check(
            0x02c58533, 0x8000000000000000, 0xffffffffffffffff, 0x8000000000000000, "mul a0,a1,a2"
        );
        check(
            0x02c58533, 0xffffffffffffffff, 0x8000000000000000, 0x8000000000000000, "mul a0,a1,a2"
        );
        check(0x02c58533, 0x7fffffffffffffff, 2, 0xfffffffffffffffe, "mul a0,a1,a2");
        check(
            0x02c59533, 0x123456789abcdef, 0xfedcba9876543210, 0xfffeb49923cc0953, "mulh a0,a1,a2"
        );
        check(0x02c59533, 0xffffffffffffffff, 0xffffffffffffffff, 0, "mulh a0,a1,a2");
        check(
            0x02c59533, 0x8000000000000000, 0x8000000000000000, 0x4000000000000000, "mulh a0,a1,a2"
        );
        check(0x02c59533, 0x8000000000000000, 0xffffffffffffffff, 0, "mulh a0,a1,a2");
        check(0x02c59533, 0xffffffffffffffff, 0x8000000000000000, 0, "mulh a0,a1,a2");
        check(0x02c59533, 0x7fffffffffffffff, 2, 0, "mulh a0,a1,a2");
        check(
            0x02c5a533, 0x123456789abcdef, 0xfedcba9876543210, 0x121fa00ad77d742, "mulhsu a0,a1,a2"
        );
        check(
            0x02c5a533,
            0xffffffffffffffff,
            0xffffffffffffffff,
            0xffffffffffffffff,
            "mulhsu a0,a1,a2"
        );
        check(
            0x02c5a533,
            0x8000000000000000,
            0x8000000000000000,
            0xc000000000000000,
            "mulhsu a0,a1,a2"
        );
        check(
            0x02c5a533,
            0x8000000000000000,
            0xffffffffffffffff,
            0x8000000000000000,
            "mulhsu a0,a1,a2"
        );
        check(
            0x02c5a533,
            0xffffffffffffffff,
            0x8000000000000000,
            0xffffffffffffffff,
            "mulhsu a0,a1,a2"
        );
        check(0x02c5a533, 0x7fffffffffffffff, 2, 0, "mulhsu a0,a1,a2");
        check(
            0x02c5b533, 0x123456789abcdef, 0xfedcba9876543210, 0x121fa00ad77d742, "mulhu a0,a1,a2"
        );
        check(
            0x02c5b533, 0xffffffffffffffff, 0xffffffffffffffff, 0xfffffffffffffffe, "mulhu a0,a1,a2"
        );
        check(
            0x02c5b533, 0x8000000000000000, 0x8000000000000000, 0x4000000000000000, "mulhu a0,a1,a2"
        );
        check(
            0x02c5b533, 0x8000000000000000, 0xffffffffffffffff, 0x7fffffffffffffff, "mulhu a0,a1,a2"
        );
        check(
            0x02c5b533, 0xffffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff, "mulhu a0,a1,a2"
        );
        check(0x02c5b533, 0x7fffffffffffffff, 2, 0, "mulhu a0,a1,a2");
        check(0x02c5853b, 0x100000003, 0x200000005, 0xf, "mulw a0,a1,a2");
        check(0x02c5853b, 0x7fffffff, 0x7fffffff, 1, "mulw a0,a1,a2");
        check(0x02c5853b, 0x80000000, 0xffffffffffffffff, 0xffffffff80000000, "mulw a0,a1,a2");
        check(0x02c5853b, 0x10000, 0x8000, 0xffffffff80000000, "mulw a0,a1,a2");
    }

    function test_Quotient() public view {
        check(0x02c5c533, 7, 2, 3, "div a0,a1,a2");
        check(0x02c5c533, 0xfffffffffffffff9, 2, 0xfffffffffffffffd, "div a0,a1,a2");
        check(0x02c5c533, 7, 0xfffffffffffffffe, 0xfffffffffffffffd, "div a0,a1,a2");
        check(0x02c5c533, 0x123456789abcdef, 0, 0xffffffffffffffff, "div a0,a1,a2");
        check(0x02c5c533, 0x8000000000000000, 0, 0xffffffffffffffff, "div a0,a1,a2");
        check(
            0x02c5c533, 0x8000000000000000, 0xffffffffffffffff, 0x8000000000000000, "div a0,a1,a2"
        );
        check(
            0x02c5c533, 0x7fffffffffffffff, 0xffffffffffffffff, 0x8000000000000001, "div a0,a1,a2"
        );
        check(0x02c5c533, 0xffffffffffffffff, 0x8000000000000000, 0, "div a0,a1,a2");
        check(0x02c5d533, 7, 2, 3, "divu a0,a1,a2");
        check(0x02c5d533, 0xfffffffffffffff9, 2, 0x7ffffffffffffffc, "divu a0,a1,a2");
        check(0x02c5d533, 7, 0xfffffffffffffffe, 0, "divu a0,a1,a2");
        check(0x02c5d533, 0x123456789abcdef, 0, 0xffffffffffffffff, "divu a0,a1,a2");
        check(0x02c5d533, 0x8000000000000000, 0, 0xffffffffffffffff, "divu a0,a1,a2");
        check(0x02c5d533, 0x8000000000000000, 0xffffffffffffffff, 0, "divu a0,a1,a2");
        check(0x02c5d533, 0x7fffffffffffffff, 0xffffffffffffffff, 0, "divu a0,a1,a2");
        check(0x02c5d533, 0xffffffffffffffff, 0x8000000000000000, 1, "divu a0,a1,a2");
        check(0x02c5e533, 7, 2, 1, "rem a0,a1,a2");
        check(0x02c5e533, 0xfffffffffffffff9, 2, 0xffffffffffffffff, "rem a0,a1,a2");
        check(0x02c5e533, 7, 0xfffffffffffffffe, 1, "rem a0,a1,a2");
        check(0x02c5e533, 0x123456789abcdef, 0, 0x123456789abcdef, "rem a0,a1,a2");
        check(0x02c5e533, 0x8000000000000000, 0, 0x8000000000000000, "rem a0,a1,a2");
        check(0x02c5e533, 0x8000000000000000, 0xffffffffffffffff, 0, "rem a0,a1,a2");
        check(0x02c5e533, 0x7fffffffffffffff, 0xffffffffffffffff, 0, "rem a0,a1,a2");
        check(
            0x02c5e533, 0xffffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, "rem a0,a1,a2"
        );
        check(0x02c5f533, 7, 2, 1, "remu a0,a1,a2");
        check(0x02c5f533, 0xfffffffffffffff9, 2, 1, "remu a0,a1,a2");
        check(0x02c5f533, 7, 0xfffffffffffffffe, 7, "remu a0,a1,a2");
        check(0x02c5f533, 0x123456789abcdef, 0, 0x123456789abcdef, "remu a0,a1,a2");
        check(0x02c5f533, 0x8000000000000000, 0, 0x8000000000000000, "remu a0,a1,a2");
        check(
            0x02c5f533, 0x8000000000000000, 0xffffffffffffffff, 0x8000000000000000, "remu a0,a1,a2"
        );
        check(
            0x02c5f533, 0x7fffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff, "remu a0,a1,a2"
        );
        check(
            0x02c5f533, 0xffffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff, "remu a0,a1,a2"
        );
    }

    function test_QuotientW() public view {
        check(0x02c5c53b, 0x500000007, 0x900000002, 3, "divw a0,a1,a2");
        check(0x02c5c53b, 0xfffffffffffffff9, 2, 0xfffffffffffffffd, "divw a0,a1,a2");
        check(0x02c5c53b, 7, 0xfffffffffffffffe, 0xfffffffffffffffd, "divw a0,a1,a2");
        check(0x02c5c53b, 0x123456789abcdef0, 0x100000000, 0xffffffffffffffff, "divw a0,a1,a2");
        check(0x02c5c53b, 0x80000000, 0xffffffffffffffff, 0xffffffff80000000, "divw a0,a1,a2");
        check(0x02c5c53b, 0xdeadbeef80000000, 0xffffffff, 0xffffffff80000000, "divw a0,a1,a2");
        check(0x02c5c53b, 0x80000000, 1, 0xffffffff80000000, "divw a0,a1,a2");
        check(0x02c5c53b, 0xffffffff, 0x80000000, 0, "divw a0,a1,a2");
        check(0x02c5d53b, 0x500000007, 0x900000002, 3, "divuw a0,a1,a2");
        check(0x02c5d53b, 0xfffffffffffffff9, 2, 0x7ffffffc, "divuw a0,a1,a2");
        check(0x02c5d53b, 7, 0xfffffffffffffffe, 0, "divuw a0,a1,a2");
        check(0x02c5d53b, 0x123456789abcdef0, 0x100000000, 0xffffffffffffffff, "divuw a0,a1,a2");
        check(0x02c5d53b, 0x80000000, 0xffffffffffffffff, 0, "divuw a0,a1,a2");
        check(0x02c5d53b, 0xdeadbeef80000000, 0xffffffff, 0, "divuw a0,a1,a2");
        check(0x02c5d53b, 0x80000000, 1, 0xffffffff80000000, "divuw a0,a1,a2");
        check(0x02c5d53b, 0xffffffff, 0x80000000, 1, "divuw a0,a1,a2");
        check(0x02c5e53b, 0x500000007, 0x900000002, 1, "remw a0,a1,a2");
        check(0x02c5e53b, 0xfffffffffffffff9, 2, 0xffffffffffffffff, "remw a0,a1,a2");
        check(0x02c5e53b, 7, 0xfffffffffffffffe, 1, "remw a0,a1,a2");
        check(0x02c5e53b, 0x123456789abcdef0, 0x100000000, 0xffffffff9abcdef0, "remw a0,a1,a2");
        check(0x02c5e53b, 0x80000000, 0xffffffffffffffff, 0, "remw a0,a1,a2");
        check(0x02c5e53b, 0xdeadbeef80000000, 0xffffffff, 0, "remw a0,a1,a2");
        check(0x02c5e53b, 0x80000000, 1, 0, "remw a0,a1,a2");
        check(0x02c5e53b, 0xffffffff, 0x80000000, 0xffffffffffffffff, "remw a0,a1,a2");
        check(0x02c5f53b, 0x500000007, 0x900000002, 1, "remuw a0,a1,a2");
        check(0x02c5f53b, 0xfffffffffffffff9, 2, 1, "remuw a0,a1,a2");
        check(0x02c5f53b, 7, 0xfffffffffffffffe, 7, "remuw a0,a1,a2");
        check(0x02c5f53b, 0x123456789abcdef0, 0x100000000, 0xffffffff9abcdef0, "remuw a0,a1,a2");
        check(0x02c5f53b, 0x80000000, 0xffffffffffffffff, 0xffffffff80000000, "remuw a0,a1,a2");
        check(0x02c5f53b, 0xdeadbeef80000000, 0xffffffff, 0xffffffff80000000, "remuw a0,a1,a2");
        check(0x02c5f53b, 0x80000000, 1, 0, "remuw a0,a1,a2");
        check(0x02c5f53b, 0xffffffff, 0x80000000, 0x7fffffff, "remuw a0,a1,a2");
    }

    function test_Zba() public view {
        check(0x20c5a533, 0xffffffffffffffff, 1, 0xffffffffffffffff, "sh1add a0,a1,a2");
        check(
            0x20c5a533,
            0xdeadbeef89abcdef,
            0x1111111111111111,
            0xce6c8ef02468acef,
            "sh1add a0,a1,a2"
        );
        check(0x20c5a533, 0, 0x8000000000000000, 0x8000000000000000, "sh1add a0,a1,a2");
        check(0x20c5c533, 0xffffffffffffffff, 1, 0xfffffffffffffffd, "sh2add a0,a1,a2");
        check(
            0x20c5c533,
            0xdeadbeef89abcdef,
            0x1111111111111111,
            0x8bc80ccf37c048cd,
            "sh2add a0,a1,a2"
        );
        check(0x20c5c533, 0, 0x8000000000000000, 0x8000000000000000, "sh2add a0,a1,a2");
        check(0x20c5e533, 0xffffffffffffffff, 1, 0xfffffffffffffff9, "sh3add a0,a1,a2");
        check(
            0x20c5e533, 0xdeadbeef89abcdef, 0x1111111111111111, 0x67f088d5e6f8089, "sh3add a0,a1,a2"
        );
        check(0x20c5e533, 0, 0x8000000000000000, 0x8000000000000000, "sh3add a0,a1,a2");
        check(0x08c5853b, 0xffffffffffffffff, 1, 0x100000000, "add.uw a0,a1,a2");
        check(
            0x08c5853b,
            0xdeadbeef89abcdef,
            0x1111111111111111,
            0x111111119abcdf00,
            "add.uw a0,a1,a2"
        );
        check(0x08c5853b, 0, 0x8000000000000000, 0x8000000000000000, "add.uw a0,a1,a2");
        check(0x20c5a53b, 0xffffffffffffffff, 1, 0x1ffffffff, "sh1add.uw a0,a1,a2");
        check(
            0x20c5a53b,
            0xdeadbeef89abcdef,
            0x1111111111111111,
            0x111111122468acef,
            "sh1add.uw a0,a1,a2"
        );
        check(0x20c5a53b, 0, 0x8000000000000000, 0x8000000000000000, "sh1add.uw a0,a1,a2");
        check(0x20c5c53b, 0xffffffffffffffff, 1, 0x3fffffffd, "sh2add.uw a0,a1,a2");
        check(
            0x20c5c53b,
            0xdeadbeef89abcdef,
            0x1111111111111111,
            0x1111111337c048cd,
            "sh2add.uw a0,a1,a2"
        );
        check(0x20c5c53b, 0, 0x8000000000000000, 0x8000000000000000, "sh2add.uw a0,a1,a2");
        check(0x20c5e53b, 0xffffffffffffffff, 1, 0x7fffffff9, "sh3add.uw a0,a1,a2");
        check(
            0x20c5e53b,
            0xdeadbeef89abcdef,
            0x1111111111111111,
            0x111111155e6f8089,
            "sh3add.uw a0,a1,a2"
        );
        check(0x20c5e53b, 0, 0x8000000000000000, 0x8000000000000000, "sh3add.uw a0,a1,a2");
    }

    function test_Logic() public view {
        check(0x40c5f533, 0x123456789abcdef, 0xfedcba9876543210, 0x123456789abcdef, "andn a0,a1,a2");
        check(0x40c5f533, 0x123456789abcdef, 0xff00ff00ff00ff, 0x10045008900cd00, "andn a0,a1,a2");
        check(0x40c5f533, 0, 0, 0, "andn a0,a1,a2");
        check(0x40c5e533, 0x123456789abcdef, 0xfedcba9876543210, 0x123456789abcdef, "orn a0,a1,a2");
        check(0x40c5e533, 0x123456789abcdef, 0xff00ff00ff00ff, 0xff23ff67ffabffef, "orn a0,a1,a2");
        check(0x40c5e533, 0, 0, 0xffffffffffffffff, "orn a0,a1,a2");
        check(0x40c5c533, 0x123456789abcdef, 0xfedcba9876543210, 0, "xnor a0,a1,a2");
        check(0x40c5c533, 0x123456789abcdef, 0xff00ff00ff00ff, 0xfe23ba6776ab32ef, "xnor a0,a1,a2");
        check(0x40c5c533, 0, 0, 0xffffffffffffffff, "xnor a0,a1,a2");
        check(0x0ac5e533, 0xffffffffffffffff, 0, 0, "max a0,a1,a2");
        check(0x0ac5e533, 0, 0xffffffffffffffff, 0, "max a0,a1,a2");
        check(
            0x0ac5e533, 0x8000000000000000, 0x7fffffffffffffff, 0x7fffffffffffffff, "max a0,a1,a2"
        );
        check(
            0x0ac5e533, 0x7fffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff, "max a0,a1,a2"
        );
        check(0x0ac5f533, 0xffffffffffffffff, 0, 0xffffffffffffffff, "maxu a0,a1,a2");
        check(0x0ac5f533, 0, 0xffffffffffffffff, 0xffffffffffffffff, "maxu a0,a1,a2");
        check(
            0x0ac5f533, 0x8000000000000000, 0x7fffffffffffffff, 0x8000000000000000, "maxu a0,a1,a2"
        );
        check(
            0x0ac5f533, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000000, "maxu a0,a1,a2"
        );
        check(0x0ac5c533, 0xffffffffffffffff, 0, 0xffffffffffffffff, "min a0,a1,a2");
        check(0x0ac5c533, 0, 0xffffffffffffffff, 0xffffffffffffffff, "min a0,a1,a2");
        check(
            0x0ac5c533, 0x8000000000000000, 0x7fffffffffffffff, 0x8000000000000000, "min a0,a1,a2"
        );
        check(
            0x0ac5c533, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000000, "min a0,a1,a2"
        );
        check(0x0ac5d533, 0xffffffffffffffff, 0, 0, "minu a0,a1,a2");
        check(0x0ac5d533, 0, 0xffffffffffffffff, 0, "minu a0,a1,a2");
        check(
            0x0ac5d533, 0x8000000000000000, 0x7fffffffffffffff, 0x7fffffffffffffff, "minu a0,a1,a2"
        );
        check(
            0x0ac5d533, 0x7fffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff, "minu a0,a1,a2"
        );
    }

    function test_Rotate() public view {
        check(0x60c59533, 0x8123456789abcdef, 0, 0x8123456789abcdef, "rol a0,a1,a2");
        check(0x60c59533, 0x8123456789abcdef, 4, 0x123456789abcdef8, "rol a0,a1,a2");
        check(0x60c59533, 0x8123456789abcdef, 0x3f, 0xc091a2b3c4d5e6f7, "rol a0,a1,a2");
        check(0x60c59533, 0x8123456789abcdef, 0x44, 0x123456789abcdef8, "rol a0,a1,a2");
        check(0x60c5d533, 0x8123456789abcdef, 0, 0x8123456789abcdef, "ror a0,a1,a2");
        check(0x60c5d533, 0x8123456789abcdef, 4, 0xf8123456789abcde, "ror a0,a1,a2");
        check(0x60c5d533, 0x8123456789abcdef, 0x3f, 0x2468acf13579bdf, "ror a0,a1,a2");
        check(0x60c5d533, 0x8123456789abcdef, 0x44, 0xf8123456789abcde, "ror a0,a1,a2");
        check(0x60c5953b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "rolw a0,a1,a2");
        check(0x60c5953b, 0xdeadbeef89abcdef, 4, 0xffffffff9abcdef8, "rolw a0,a1,a2");
        check(0x60c5953b, 0xdeadbeef09abcdef, 0x1f, 0xffffffff84d5e6f7, "rolw a0,a1,a2");
        check(0x60c5953b, 0xdeadbeef89abcdef, 0x24, 0xffffffff9abcdef8, "rolw a0,a1,a2");
        check(0x60c5d53b, 0xdeadbeef89abcdef, 0, 0xffffffff89abcdef, "rorw a0,a1,a2");
        check(0x60c5d53b, 0xdeadbeef89abcdef, 4, 0xfffffffff89abcde, "rorw a0,a1,a2");
        check(0x60c5d53b, 0xdeadbeef09abcdef, 0x1f, 0x13579bde, "rorw a0,a1,a2");
        check(0x60c5d53b, 0xdeadbeef89abcdef, 0x24, 0xfffffffff89abcde, "rorw a0,a1,a2");
    }

    function test_Count() public view {
        check(0x60059513, 0, 0, 0x40, "clz a0,a1");
        check(0x60059513, 0xffffffffffffffff, 0, 0, "clz a0,a1");
        check(0x60059513, 1, 0, 0x3f, "clz a0,a1");
        check(0x60059513, 0x8000000000000000, 0, 0, "clz a0,a1");
        check(0x60059513, 0xf0000000000000, 0, 8, "clz a0,a1");
        check(0x60059513, 0xffffffff00000000, 0, 0, "clz a0,a1");
        check(0x60059513, 0x1230000450000, 0, 0xf, "clz a0,a1");
        check(0x60159513, 0, 0, 0x40, "ctz a0,a1");
        check(0x60159513, 0xffffffffffffffff, 0, 0, "ctz a0,a1");
        check(0x60159513, 1, 0, 0, "ctz a0,a1");
        check(0x60159513, 0x8000000000000000, 0, 0x3f, "ctz a0,a1");
        check(0x60159513, 0xf0000000000000, 0, 0x34, "ctz a0,a1");
        check(0x60159513, 0xffffffff00000000, 0, 0x20, "ctz a0,a1");
        check(0x60159513, 0x1230000450000, 0, 0x10, "ctz a0,a1");
        check(0x60259513, 0, 0, 0, "cpop a0,a1");
        check(0x60259513, 0xffffffffffffffff, 0, 0x40, "cpop a0,a1");
        check(0x60259513, 1, 0, 1, "cpop a0,a1");
        check(0x60259513, 0x8000000000000000, 0, 1, "cpop a0,a1");
        check(0x60259513, 0xf0000000000000, 0, 4, "cpop a0,a1");
        check(0x60259513, 0xffffffff00000000, 0, 0x20, "cpop a0,a1");
        check(0x60259513, 0x1230000450000, 0, 7, "cpop a0,a1");
        check(0x6005951b, 0, 0, 0x20, "clzw a0,a1");
        check(0x6005951b, 0xffffffffffffffff, 0, 0, "clzw a0,a1");
        check(0x6005951b, 1, 0, 0x1f, "clzw a0,a1");
        check(0x6005951b, 0x8000000000000000, 0, 0x20, "clzw a0,a1");
        check(0x6005951b, 0xf0000000000000, 0, 0x20, "clzw a0,a1");
        check(0x6005951b, 0xffffffff00000000, 0, 0x20, "clzw a0,a1");
        check(0x6005951b, 0x1230000450000, 0, 9, "clzw a0,a1");
        check(0x6015951b, 0, 0, 0x20, "ctzw a0,a1");
        check(0x6015951b, 0xffffffffffffffff, 0, 0, "ctzw a0,a1");
        check(0x6015951b, 1, 0, 0, "ctzw a0,a1");
        check(0x6015951b, 0x8000000000000000, 0, 0x20, "ctzw a0,a1");
        check(0x6015951b, 0xf0000000000000, 0, 0x20, "ctzw a0,a1");
        check(0x6015951b, 0xffffffff00000000, 0, 0x20, "ctzw a0,a1");
        check(0x6015951b, 0x1230000450000, 0, 0x10, "ctzw a0,a1");
        check(0x6025951b, 0, 0, 0, "cpopw a0,a1");
        check(0x6025951b, 0xffffffffffffffff, 0, 0x20, "cpopw a0,a1");
        check(0x6025951b, 1, 0, 1, "cpopw a0,a1");
        check(0x6025951b, 0x8000000000000000, 0, 0, "cpopw a0,a1");
        check(0x6025951b, 0xf0000000000000, 0, 0, "cpopw a0,a1");
        check(0x6025951b, 0xffffffff00000000, 0, 0, "cpopw a0,a1");
        check(0x6025951b, 0x1230000450000, 0, 3, "cpopw a0,a1");
    }

    function test_Extend() public view {
        check(0x60459513, 0x123456789abcdef, 0, 0xffffffffffffffef, "sext.b a0,a1");
        check(0x60459513, 0x7f, 0, 0x7f, "sext.b a0,a1");
        check(0x60459513, 0xffffff80, 0, 0xffffffffffffff80, "sext.b a0,a1");
        check(0x60459513, 0x8000, 0, 0, "sext.b a0,a1");
        check(0x60459513, 0xffff7fff, 0, 0xffffffffffffffff, "sext.b a0,a1");
        check(0x60559513, 0x123456789abcdef, 0, 0xffffffffffffcdef, "sext.h a0,a1");
        check(0x60559513, 0x7f, 0, 0x7f, "sext.h a0,a1");
        check(0x60559513, 0xffffff80, 0, 0xffffffffffffff80, "sext.h a0,a1");
        check(0x60559513, 0x8000, 0, 0xffffffffffff8000, "sext.h a0,a1");
        check(0x60559513, 0xffff7fff, 0, 0x7fff, "sext.h a0,a1");
        check(0x0805c53b, 0x123456789abcdef, 0, 0xcdef, "zext.h a0,a1");
        check(0x0805c53b, 0x7f, 0, 0x7f, "zext.h a0,a1");
        check(0x0805c53b, 0xffffff80, 0, 0xff80, "zext.h a0,a1");
        check(0x0805c53b, 0x8000, 0, 0x8000, "zext.h a0,a1");
        check(0x0805c53b, 0xffff7fff, 0, 0x7fff, "zext.h a0,a1");
        check(0x2875d513, 0x123456789abcdef, 0, 0xffffffffffffffff, "orc.b a0,a1");
        check(0x2875d513, 0, 0, 0, "orc.b a0,a1");
        check(0x2875d513, 0x100008000ff0010, 0, 0xff0000ff00ff00ff, "orc.b a0,a1");
        check(0x2875d513, 0xffffffffffffffff, 0, 0xffffffffffffffff, "orc.b a0,a1");
        check(0x6b85d513, 0x123456789abcdef, 0, 0xefcdab8967452301, "rev8 a0,a1");
        check(0x6b85d513, 0, 0, 0, "rev8 a0,a1");
        check(0x6b85d513, 0x100008000ff0010, 0, 0x1000ff0080000001, "rev8 a0,a1");
        check(0x6b85d513, 0xffffffffffffffff, 0, 0xffffffffffffffff, "rev8 a0,a1");
    }

    function test_Bit() public view {
        check(0x28c59533, 0x123456789abcdef, 0, 0x123456789abcdef, "bset a0,a1,a2");
        check(0x28c59533, 0x123456789abcdef, 0x3f, 0x8123456789abcdef, "bset a0,a1,a2");
        check(0x28c59533, 0, 0x47, 0x80, "bset a0,a1,a2");
        check(
            0x28c59533, 0xffffffffffffffff, 0xffffffffffffffc9, 0xffffffffffffffff, "bset a0,a1,a2"
        );
        check(0x28c59533, 0x8000000000000000, 0x3f, 0x8000000000000000, "bset a0,a1,a2");
        check(0x48c59533, 0x123456789abcdef, 0, 0x123456789abcdee, "bclr a0,a1,a2");
        check(0x48c59533, 0x123456789abcdef, 0x3f, 0x123456789abcdef, "bclr a0,a1,a2");
        check(0x48c59533, 0, 0x47, 0, "bclr a0,a1,a2");
        check(
            0x48c59533, 0xffffffffffffffff, 0xffffffffffffffc9, 0xfffffffffffffdff, "bclr a0,a1,a2"
        );
        check(0x48c59533, 0x8000000000000000, 0x3f, 0, "bclr a0,a1,a2");
        check(0x68c59533, 0x123456789abcdef, 0, 0x123456789abcdee, "binv a0,a1,a2");
        check(0x68c59533, 0x123456789abcdef, 0x3f, 0x8123456789abcdef, "binv a0,a1,a2");
        check(0x68c59533, 0, 0x47, 0x80, "binv a0,a1,a2");
        check(
            0x68c59533, 0xffffffffffffffff, 0xffffffffffffffc9, 0xfffffffffffffdff, "binv a0,a1,a2"
        );
        check(0x68c59533, 0x8000000000000000, 0x3f, 0, "binv a0,a1,a2");
        check(0x48c5d533, 0x123456789abcdef, 0, 1, "bext a0,a1,a2");
        check(0x48c5d533, 0x123456789abcdef, 0x3f, 0, "bext a0,a1,a2");
        check(0x48c5d533, 0, 0x47, 0, "bext a0,a1,a2");
        check(0x48c5d533, 0xffffffffffffffff, 0xffffffffffffffc9, 1, "bext a0,a1,a2");
        check(0x48c5d533, 0x8000000000000000, 0x3f, 1, "bext a0,a1,a2");
        check(0x28059513, 0x123456789abcdef, 0, 0x123456789abcdef, "bseti a0,a1,0");
        check(0x2a159513, 0xffffffffffffffff, 0, 0xffffffffffffffff, "bseti a0,a1,33");
        check(0x2bf59513, 0x8000000000000000, 0, 0x8000000000000000, "bseti a0,a1,63");
        check(0x2bf59513, 0, 0, 0x8000000000000000, "bseti a0,a1,63");
        check(0x48059513, 0x123456789abcdef, 0, 0x123456789abcdee, "bclri a0,a1,0");
        check(0x4a159513, 0xffffffffffffffff, 0, 0xfffffffdffffffff, "bclri a0,a1,33");
        check(0x4bf59513, 0x8000000000000000, 0, 0, "bclri a0,a1,63");
        check(0x4bf59513, 0, 0, 0, "bclri a0,a1,63");
        check(0x68059513, 0x123456789abcdef, 0, 0x123456789abcdee, "binvi a0,a1,0");
        check(0x6a159513, 0xffffffffffffffff, 0, 0xfffffffdffffffff, "binvi a0,a1,33");
        check(0x6bf59513, 0x8000000000000000, 0, 0, "binvi a0,a1,63");
        check(0x6bf59513, 0, 0, 0x8000000000000000, "binvi a0,a1,63");
        check(0x4805d513, 0x123456789abcdef, 0, 1, "bexti a0,a1,0");
        check(0x4a15d513, 0xffffffffffffffff, 0, 1, "bexti a0,a1,33");
        check(0x4bf5d513, 0x8000000000000000, 0, 1, "bexti a0,a1,63");
        check(0x4bf5d513, 0, 0, 0, "bexti a0,a1,63");
    }

    function test_Upper() public view {
        check(0x00000537, 0, 0, 0, "lui a0,0");
        check(0x00001537, 0, 0, 0x1000, "lui a0,1");
        check(0x7ffff537, 0, 0, 0x7ffff000, "lui a0,524287");
        check(0x80000537, 0, 0, 0xffffffff80000000, "lui a0,524288");
        check(0xfffff537, 0, 0, 0xfffffffffffff000, "lui a0,1048575");
    }
}
