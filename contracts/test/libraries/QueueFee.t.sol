// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {QueueFee} from "../../src/libraries/QueueFee.sol";
import {Base, vm} from "../Base.sol";

contract QueueFeeTest is Base {
    using QueueFee for QueueFee.Meter;

    uint256 private constant TARGET = 10_000_000;
    uint256 private constant FLOOR = 1 gwei;

    QueueFee.Meter private _meter;

    function setUp() public {
        vm.roll(100);
        _meter = QueueFee.Meter(uint128(FLOOR), 0, 100);
    }

    function _fee() private view returns (uint256) {
        return _meter.current(TARGET, FLOOR);
    }

    function _take(uint64 gas) private returns (uint256) {
        return _meter.take(gas, TARGET, FLOOR);
    }

    function test_aBlockHasOneFee() public {
        vm.assertEq(_take(50_000_000), FLOOR);
        vm.assertEq(_take(50_000_000), FLOOR);
        vm.assertEq(_fee(), FLOOR);
    }

    function test_twiceTheTargetRaisesByAnEighth() public {
        _take(uint64(2 * TARGET));
        vm.roll(101);
        vm.assertEq(_fee(), FLOOR * 9 / 8);
        vm.assertEq(_take(0), FLOOR * 9 / 8);
    }

    function test_theTargetKeepsTheFee() public {
        _meter.baseFee = 5 gwei;
        _take(uint64(TARGET));
        vm.roll(101);
        vm.assertEq(_fee(), 5 gwei);
    }

    function test_emptyBlocksLowerByAnEighthEach() public {
        _meter.baseFee = 8 gwei;
        vm.roll(101);
        vm.assertEq(_fee(), 7 gwei);
        vm.roll(102);
        vm.assertEq(_fee(), 7 gwei * 7 / 8);
    }

    function test_neverBelowTheFloor() public {
        _meter.baseFee = uint128(FLOOR + 1);
        vm.roll(200);
        vm.assertEq(_fee(), FLOOR);
    }

    function test_risesByAtLeastOneWei() public {
        _take(uint64(TARGET + 1));
        vm.roll(101);
        vm.assertEq(_fee(), FLOOR + 12);
        vm.assertEq(QueueFee.next(1, TARGET + 1, TARGET, 1), 2);
    }

    function test_saturatesInsteadOfOverflowing() public {
        _meter.baseFee = type(uint128).max;
        _take(type(uint64).max);
        vm.roll(101);
        vm.assertEq(_fee(), type(uint128).max);
    }

    function test_aYearOfSilenceIsCheapToMeter() public {
        _meter.baseFee = type(uint128).max;
        vm.roll(100 + 2_628_000);
        uint256 before = gasleft();
        vm.assertEq(_fee(), FLOOR);
        vm.assertLe(before - gasleft(), 500_000);
        // A floor so low that eighths round to nothing must not loop for ever.
        vm.assertEq(_meter.current(TARGET, 1), 7);
        vm.assertLe(before - gasleft(), 1_000_000);
    }

    /// @dev The meter that skips blocks equals one that is asked in every block.
    function testFuzz_skippingBlocksEqualsStepping(uint128 fee, uint64 used, uint8 blocks) public {
        used = uint64(bound(used, 0, 1e12));
        uint256 stepped = bound(fee, FLOOR, 1e30);
        _meter = QueueFee.Meter(uint128(stepped), used, 100);
        vm.roll(100 + uint256(blocks));
        for (uint256 i; i < blocks; ++i) {
            stepped = QueueFee.next(stepped, i == 0 ? used : 0, TARGET, FLOOR);
        }
        vm.assertEq(_fee(), stepped);
    }

    function testFuzz_staysInBounds(uint128 fee, uint64 used) public pure {
        uint256 next = QueueFee.next(bound(fee, FLOOR, type(uint128).max), used, TARGET, FLOOR);
        vm.assertGe(next, FLOOR);
        vm.assertLe(next, type(uint128).max);
    }
}
