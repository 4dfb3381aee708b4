// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PriceLib} from "../libraries/PriceLib.sol";

/// @dev Class of a job whose result a dispute can decide by proof. Zero is no class.
uint8 constant CLASS_PROVEN = 1;
/// @dev Most replicas of one job: every loop over replicas ends here.
uint8 constant REPLICAS_MAX = 8;
/// @dev Most bytes of an order's locator.
uint256 constant LOCATOR_BYTES_MAX = 1024;
/// @dev Most bytes of a provider's address hints.
uint256 constant HINT_BYTES_MAX = 256;
/// @dev A price per unit is quoted for this many work units.
uint256 constant MEGA_UNIT = 1e6;
/// @dev One whole in basis points.
uint256 constant BPS = 10_000;

/// @notice Where a job stands. Zero is no job. `Cancelled`, `Expired`, `InputFault`, `Final` and
/// `Void` are the ends.
enum JobState {
    None,
    /// Posted and funded; replicas are still wanted.
    Open,
    /// Every replica is taken; providers fetch and check the inputs.
    Assigned,
    /// Every replica acknowledged the inputs; commitments come in.
    Running,
    /// No more commitments; results are revealed.
    Committed,
    /// All revealed results are equal; the challenge window runs.
    Challengeable,
    /// Revealed results differ: escrow and stakes are frozen.
    Disputed,
    /// Paid.
    Final,
    /// The client took it back.
    Cancelled,
    /// Not enough providers, or none that delivered; the client has its money back.
    Expired,
    /// The inputs could not be had; the client has its money back.
    InputFault,
    /// The dispute was not decided; everybody has their money back.
    Void
}

/// @notice Why a job changed its state. Zero is no reason.
enum Cause {
    None,
    /// `post`
    Posted,
    /// `take`: the last replica was taken
    Filled,
    /// `quit`: a replica left and its place is free again
    Quit,
    /// `ack`: the last replica has the inputs
    Acknowledged,
    /// `commit`: the last commitment is in
    AllCommitted,
    /// `reveal` or the reveal deadline: results are equal
    Agreed,
    /// `reveal` or the reveal deadline: results differ
    Conflict,
    /// `accept` by the client
    Accepted,
    /// `finalize`: the challenge window is over
    WindowPassed,
    /// `cancel` by the client
    ClientCancelled,
    /// `inputFault`: as many providers as replicas say so and none says otherwise
    InputsFaulty,
    /// Time-out: not every replica was taken
    MatchTimeout,
    /// Time-out: a replica did not acknowledge
    AckTimeout,
    /// Time-out: a replica did not commit
    CommitTimeout,
    /// Time-out: a replica did not reveal
    RevealTimeout,
    /// Time-out: the dispute was not decided
    ResolveTimeout
}

/// @notice Where a replica stands. Zero is no replica.
enum ReplicaState {
    None,
    Taken,
    Acked,
    Committed,
    Revealed,
    /// Missed the commit or the reveal deadline; its bond is gone.
    Defaulted
}

/// @notice Why a provider may not take a job. Zero is no refusal.
enum Refusal {
    None,
    UnknownJob,
    /// The job is not open: needs `JobState.Open`, has its state.
    NotOpen,
    /// The match deadline (needs a time before it) has passed (has the time).
    MatchClosed,
    /// The client may not serve itself.
    OwnJob,
    AlreadyTaken,
    /// The provider left this job, or let its acknowledgement run out, before.
    LeftBefore,
    NotRegistered,
    Inactive,
    /// Stake, wei: needs the registry's minimum.
    StakeBelowMinimum,
    VramMib,
    /// Ten times the major plus the minor number: 80 is 8.0.
    ComputeCapability,
    UnitsPerSecond,
    /// Ask above the cap, wei: needs at most the cap, has the ask.
    BaseFee,
    MegaUnitPrice,
    InputBytePrice,
    OutputBytePrice,
    /// Free stake, wei: needs the bond and the exposure's backing.
    Exposure
}

/// @notice Whom the client lets see inputs and outputs. Zero is nobody.
enum Audience {
    None,
    /// Replicas, auditors and parties of a dispute.
    Assigned,
    Public
}

/// @notice Whether a provider takes jobs. Zero is not registered.
enum ProviderState {
    None,
    Active,
    /// Takes no more jobs; those it has go on.
    Inactive
}

/// @notice What executes a provider's jobs. Zero is nothing.
enum Backend {
    None,
    /// The reference interpreter.
    Reference,
    /// The CUDA driver interface.
    Cuda
}

/// @notice What a provider says is wrong with a job's inputs. Zero is nothing.
enum InputFaultKind {
    None,
    /// The client does not serve them.
    Unavailable,
    /// They do not hash to the roots in the plan.
    RootMismatch,
    /// The image does not decode or is outside of the profile.
    ImageRefused,
    /// The plan does not decode or does not fit the image.
    PlanRefused
}

/// @notice A price list: what a client pays at most, or what a provider asks. Wei; every term is at
/// most 18.4 ether.
struct Price {
    /// For the job, whatever it takes.
    uint64 baseFee;
    /// For each million work units.
    uint64 megaUnit;
    /// For each byte of input.
    uint64 inputByte;
    /// For each byte of output.
    uint64 outputByte;
}

using PriceLib for Price global;

/// @notice A provider's hardware.
struct Attributes {
    Backend backend;
    /// Ten times the major plus the minor number, 80 for 8.0; zero without a GPU.
    uint16 computeCapability;
    /// MiB of memory for a job's arena.
    uint32 vramMib;
    /// Work units a second, measured by the agent.
    uint64 unitsPerSecond;
}

/// @notice How to reach a provider on the data plane.
struct Endpoint {
    /// iroh endpoint id, an Ed25519 public key.
    bytes32 id;
    /// Addresses to try, at most `HINT_BYTES_MAX` bytes; agents give them meaning.
    bytes hints;
}

/// @notice A registered provider.
struct Provider {
    /// Wei at stake.
    uint128 stake;
    /// Wei of the stake that open jobs hold.
    uint128 locked;
    ProviderState state;
    Attributes attributes;
    Price ask;
}

/// @notice What a job needs from a provider. Zero needs nothing.
struct Requirements {
    /// MiB, at least.
    uint32 vramMib;
    /// Ten times the major plus the minor number, at least.
    uint16 computeCapability;
    /// Work units a second, at least.
    uint64 unitsPerSecond;
}

/// @notice Names a member of `Windows`. Zero is none.
enum Window {
    None,
    Match,
    Ack,
    Run,
    Reveal,
    Challenge
}

/// @notice How long each phase of a job lasts, in seconds of the Clock, each within the market's
/// bounds.
struct Windows {
    /// From the post: all replicas taken.
    uint32 matchSecs;
    /// From the assignment: all replicas acknowledged.
    uint32 ackSecs;
    /// From the last acknowledgement: all replicas committed.
    uint32 runSecs;
    /// From the last commitment: all replicas revealed.
    uint32 revealSecs;
    /// From the agreement: how long the result can be challenged.
    uint32 challengeSecs;
}

/// @notice What a client posts.
struct Order {
    /// Page root of the image.
    bytes32 imageId;
    /// Page root of the plan.
    bytes32 planRoot;
    /// `CLASS_PROVEN`.
    uint8 class;
    /// 1 to `REPLICAS_MAX` providers run the job.
    uint8 replicas;
    Audience audience;
    /// Fuel: most work units of one replica.
    uint64 maxUnits;
    uint64 inputBytes;
    uint64 outputBytes;
    /// Most the client pays to one replica, term by term.
    Price cap;
    Requirements needs;
    Windows windows;
    /// Where the client serves image, plan and inputs, and their BLAKE3 manifest; at most
    /// `LOCATOR_BYTES_MAX` bytes, never stored.
    bytes locator;
}

/// @notice A job as stored.
struct Job {
    address client;
    JobState state;
    uint8 class;
    uint8 replicas;
    /// Providers that reported faulty inputs.
    uint8 faultReports;
    /// Clock time at which the present state's time-out exit opens; zero at an end.
    uint64 deadline;
    /// Clock time after which nobody can take a replica.
    uint64 matchDeadline;
    uint64 maxUnits;
    uint64 inputBytes;
    uint64 outputBytes;
    Price cap;
    Requirements needs;
    Windows windows;
    /// `keccak256(abi.encode(imageId, planRoot))`.
    bytes32 specRoot;
    /// Wei held for this job; zero at an end.
    uint128 escrow;
    /// The agreed work units; zero before the agreement.
    uint64 units;
    Audience audience;
    /// The agreed result; zero before the agreement.
    bytes32 resultRoot;
}

/// @notice One provider's part in a job.
struct Replica {
    address provider;
    ReplicaState state;
    /// Revealed work units.
    uint64 units;
    /// Wei of the provider's stake that this job holds: the bond and the exposure's backing. Zero
    /// when released.
    uint128 locked;
    /// The provider's ask at the match.
    Price ask;
    bytes32 commitment;
    /// Revealed result.
    bytes32 resultRoot;
}

/// @notice The market's parameters, fixed in genesis. Amounts in wei, times in seconds of the Clock,
/// shares in basis points.
struct MarketParams {
    /// Locked for each replica; what a provider loses when it misses a deadline.
    uint128 bondWei;
    /// Least stake of a provider; at least the bond.
    uint128 minStakeWei;
    /// Most fuel of an order.
    uint64 unitsMax;
    /// Stake locked beside the bond, as a share of what the replica can earn.
    uint32 exposureBps;
    /// What a replica gets when the client cancels a running job, as a share of what it can earn.
    uint16 killFeeBps;
    /// Share of a slashed bond that goes to the client; the rest is burned.
    uint16 compensationBps;
    /// How long a dispute may stay undecided; at least `challengeSecsMin`.
    uint32 resolveTimeoutSecs;
    uint32 matchSecsMin;
    uint32 matchSecsMax;
    uint32 ackSecsMin;
    uint32 ackSecsMax;
    uint32 runSecsMin;
    uint32 runSecsMax;
    uint32 revealSecsMin;
    uint32 revealSecsMax;
    uint32 challengeSecsMin;
    uint32 challengeSecsMax;
}
