// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {
    Cause,
    InputFaultKind,
    Job,
    JobState,
    MarketParams,
    Order,
    Price,
    Refusal,
    Replica,
    ReplicaState,
    Window
} from "../types/MarketTypes.sol";

/// @title IMarket
/// @notice Where clients buy runs of GPU jobs: order, posted-price match, blinded results, payment.
/// @dev Predeploy 0xA55A000000000000000000000000000000000011. The life of a job:
///
///     Open -> Assigned -> Running -> Committed -> Challengeable -> Final
///                                         \-> Disputed -> Void
///
/// and `Cancelled`, `Expired`, `InputFault` from the sides. Revealing ends in the transaction that
/// brings the last result or the time-out, so "revealed" is never a state at rest. All deadlines read
/// the Clock; before `deadline` the phase's own calls work, from `deadline` on its time-out exit does
/// (`poke`, `finalize`, `voidDispute`: anybody may call them, `exit` says which is due), never both.
/// Every payout is a credit that its owner withdraws. No owner, no pause, no upgrade.
///
/// Conflicting results: `Disputed` freezes escrow and every lock of the job. A dispute game joins here:
/// it will read the revealed results by `replicas`, take the job from `Disputed` to `Final` with a
/// result and slash by proof; until then the only way out is `voidDispute`, which returns everything
/// unslashed.
interface IMarket {
    /// @notice A job was posted and paid for. The locator lives only here.
    /// @param specRoot `keccak256(abi.encode(imageId, planRoot))`
    /// @param escrow wei held for it
    /// @param matchDeadline Clock time up to which replicas can be taken, exclusive
    event JobPosted(
        uint256 indexed job,
        address indexed client,
        bytes32 indexed specRoot,
        uint256 escrow,
        uint64 matchDeadline,
        Order order
    );
    /// @notice A job changed its state; every change emits this.
    /// @param deadline Clock time at which the time-out exit of `to` opens; zero at an end
    event JobMoved(
        uint256 indexed job,
        JobState indexed from,
        JobState indexed to,
        Cause cause,
        uint64 deadline
    );
    /// @notice A provider took a replica.
    /// @param ask its price, frozen for this job
    /// @param bond wei it loses when it misses a deadline
    /// @param locked wei of its stake held, bond included
    event ReplicaTaken(
        uint256 indexed job, address indexed provider, Price ask, uint256 bond, uint256 locked
    );
    /// @notice A provider left before the job ran; its place is free again.
    /// @param cause `Quit`, `InputsFaulty` or `AckTimeout`
    event ReplicaLeft(uint256 indexed job, address indexed provider, Cause cause);
    /// @notice A provider says the inputs cannot be used; `reports` providers have said so.
    event InputFaultReported(
        uint256 indexed job, address indexed provider, InputFaultKind kind, uint256 reports
    );
    /// @notice A provider has the inputs and they are right.
    event ReplicaAcked(uint256 indexed job, address indexed provider);
    event ReplicaCommitted(uint256 indexed job, address indexed provider, bytes32 commitment);
    event ReplicaRevealed(
        uint256 indexed job, address indexed provider, bytes32 resultRoot, uint64 units
    );
    /// @notice A provider missed a deadline: `bond` was taken from its stake, `compensation` of it
    /// credited to the client, the rest burned.
    /// @param cause `CommitTimeout` or `RevealTimeout`
    event ReplicaDefaulted(
        uint256 indexed job,
        address indexed provider,
        Cause cause,
        uint256 bond,
        uint256 compensation
    );
    /// @notice A provider was credited for its replica.
    /// @param amount wei: its price for the agreed units, or the kill fee
    event ReplicaPaid(uint256 indexed job, address indexed provider, uint256 amount);
    /// @notice The client was credited what is left of the escrow.
    event ClientRefunded(uint256 indexed job, address indexed client, uint256 amount);
    /// @notice More ether than the escrow came with the post; it was credited to the client.
    event ExcessCredited(uint256 indexed job, address indexed client, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    // orders
    error UnknownClass(uint8 expected, uint8 found);
    error ReplicasOutOfRange(uint256 min, uint256 max, uint256 found);
    error UnitsOutOfRange(uint256 min, uint256 max, uint256 found);
    /// @notice A window lies outside of the market's bounds, seconds.
    error WindowOutOfRange(Window window, uint256 min, uint256 max, uint256 found);
    error LocatorTooLong(uint256 max, uint256 found);
    error NoImage();
    error NoPlan();
    error NoAudience();
    error InsufficientEscrow(uint256 expected, uint256 found);

    // jobs
    error UnknownJob(uint256 job);
    /// @notice The call belongs to another state (`expected`: the first one of those it works in).
    error WrongState(JobState expected, JobState found);
    /// @notice The phase is over: call its time-out exit.
    error DeadlinePassed(uint64 deadline, uint64 found);
    /// @notice The time-out exit is not open yet.
    error DeadlineNotReached(uint64 deadline, uint64 found);
    /// @notice The state has no such time-out exit: it is an end, or another function's.
    error NoExit(JobState found);
    error NotClient(address expected, address found);
    /// @notice The caller has no replica of this job.
    error NotReplica(address found);
    error WrongReplicaState(ReplicaState expected, ReplicaState found);
    /// @notice Why the caller may not take the job; see `Refusal` for what the numbers are.
    error Refused(Refusal code, uint256 needed, uint256 have);
    error NoFaultKind();
    /// @notice The job cannot be cancelled any more: a provider has committed a result.
    error ResultCommitted(address provider);
    error NoCommitment();
    error NoResult();
    error WrongCommitment(bytes32 expected, bytes32 found);
    /// @notice More work units than the fuel.
    error UnitsAboveFuel(uint64 max, uint64 found);
    /// @notice Only a bug can cause it: a change outside of the life cycle.
    error ForbiddenTransition(JobState from, JobState to);

    // money
    error NothingToWithdraw(address account);
    error ZeroAddress();
    error TransferFailed(address to, uint256 amount);
    error NotRegistry(address expected, address found);
    /// @notice Two constructor parameters contradict each other; `name` is the first.
    error BadParameter(bytes32 name, uint256 expected, uint256 found);

    /// @notice Posts a job. The caller is its client: for a deposit from L1, the L1 sender. Sends at
    /// least `quote(order)`; the excess becomes a credit.
    /// @return id the job, from 1 on, one by one
    function post(Order calldata order) external payable returns (uint256 id);

    /// @notice Takes a replica for the caller, a registered and active provider, at its posted ask;
    /// locks its bond and the backing of its exposure. The last one makes the job `Assigned`. Reverts
    /// with `Refused` and what `refusal` answers.
    function take(uint256 id) external;

    /// @notice Gives the caller's replica up before the job runs; costs gas only, and the caller cannot
    /// take this job again. An assigned job is open again.
    function quit(uint256 id) external;

    /// @notice Gives the caller's unacknowledged replica up because the inputs cannot be used. When as
    /// many providers as replicas have said so and none has acknowledged, the job ends as `InputFault`.
    function inputFault(uint256 id, InputFaultKind kind) external;

    /// @notice Says that the caller has image, plan and inputs, and checked them. The last one starts
    /// the run.
    function ack(uint256 id) external;

    /// @notice Ends the job for its client. Free before it runs; while it runs each replica gets the
    /// kill fee; not any more once a result is committed.
    function cancel(uint256 id) external;

    /// @notice Commits to a result without showing it.
    /// @param commitment `keccak256(abi.encode(id, provider, salt, resultRoot, units))`, which no
    /// other provider can reveal
    function commit(uint256 id, bytes32 commitment) external;

    /// @notice Shows the committed result. The last one ends the phase: equal results become
    /// challengeable, others a dispute.
    /// @param salt 32 random bytes kept since the commitment
    /// @param resultRoot root of the final job state, not zero
    /// @param units work units, at most the fuel
    function reveal(uint256 id, bytes32 salt, bytes32 resultRoot, uint64 units) external;

    /// @notice Ends the challenge window early. Client only.
    function accept(uint256 id) external;

    /// @notice Pays a job whose challenge window is over. Anyone may call.
    function finalize(uint256 id) external;

    /// @notice Ends a dispute that was not decided in time: everything returns, nobody is slashed.
    /// Anyone may call.
    function voidDispute(uint256 id) external;

    /// @notice Takes the time-out exit of `Open`, `Assigned`, `Running` or `Committed`. Anyone may
    /// call from the deadline on.
    ///   Open: `Expired`. Assigned: silent replicas are released and the job is `Open` again, or
    ///   `Expired` after its match deadline. Running: silent replicas lose their bond; the others go on
    ///   to `Committed`; with none, `Expired`. Committed: silent replicas lose their bond; the others'
    ///   results are compared; with none, `Expired`.
    function poke(uint256 id) external;

    /// @notice Sends the caller's credit to `to`.
    /// @return amount wei
    function withdraw(address to) external returns (uint256 amount);

    /// @notice Compensation of slashed bonds. Registry only.
    receive() external payable;

    /// @notice Wei to send with an order; reverts as `post` would.
    function quote(Order calldata order) external view returns (uint256 escrow);

    /// @notice Why `provider` may not take job `id` now, and both sides of it; `Refusal.None` when it may.
    function refusal(uint256 id, address provider)
        external
        view
        returns (Refusal code, uint256 needed, uint256 have);

    /// @notice The next time-out exit.
    /// @return cause what it will be called: `WindowPassed` is `finalize`, `ResolveTimeout` is
    /// `voidDispute`, the others are `poke`; `None` at an end
    /// @return deadline Clock time from which it is open
    /// @return due whether it is open now
    function exit(uint256 id) external view returns (Cause cause, uint64 deadline, bool due);

    /// @notice A job; zero values when there is none.
    function job(uint256 id) external view returns (Job memory);

    /// @notice A job's state; `None` when there is none.
    function jobState(uint256 id) external view returns (JobState);

    /// @notice The replicas of a job, at most `REPLICAS_MAX`, in no order.
    function replicas(uint256 id) external view returns (Replica[] memory);

    /// @notice Whether `provider` left job `id`, or let its acknowledgement run out.
    function hasLeft(uint256 id, address provider) external view returns (bool);

    /// @notice What a provider must commit to.
    function commitmentOf(
        uint256 id,
        address provider,
        bytes32 salt,
        bytes32 resultRoot,
        uint64 units
    ) external pure returns (bytes32);

    /// @notice The id the next job gets.
    function nextJobId() external view returns (uint256);

    /// @notice Wei that `account` can withdraw.
    function credits(address account) external view returns (uint256);

    /// @notice Sum of all credits, wei.
    function totalCredits() external view returns (uint256);

    /// @notice Sum of all escrows, wei.
    function totalEscrow() external view returns (uint256);

    /// @notice The parameters, fixed in genesis.
    function params() external view returns (MarketParams memory);
}
