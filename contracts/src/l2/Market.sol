// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IClock} from "../interfaces/IClock.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {LifeCycle} from "../libraries/LifeCycle.sol";
import {MatchRules} from "../libraries/MatchRules.sol";
import {OrderRules} from "../libraries/OrderRules.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {
    BPS,
    Cause,
    InputFaultKind,
    Job,
    JobState,
    MarketParams,
    Order,
    Provider,
    Refusal,
    Replica,
    ReplicaState
} from "../types/MarketTypes.sol";

/// @title Market
/// @notice Implements `IMarket`, where everything is documented.
/// @dev The Clock and the Registry are this chain's own and call back nothing but `receive`; ether goes
/// to strangers in `withdraw` alone.
contract Market is IMarket {
    IRegistry private constant REGISTRY = IRegistry(Predeploys.REGISTRY);
    IClock private constant CLOCK = IClock(Predeploys.CLOCK);

    /// @dev Written by the constructor only.
    MarketParams private _params;
    mapping(uint256 => Job) private _jobs;
    mapping(uint256 => Replica[]) private _replicas;
    /// @inheritdoc IMarket
    mapping(uint256 => mapping(address => bool)) public hasLeft;
    /// @inheritdoc IMarket
    mapping(address => uint256) public credits;
    /// @inheritdoc IMarket
    uint256 public totalCredits;
    /// @inheritdoc IMarket
    uint256 public totalEscrow;
    /// @inheritdoc IMarket
    uint256 public nextJobId;

    constructor(MarketParams memory params_) {
        OrderRules.checkParams(params_);
        _params = params_;
        nextJobId = 1;
    }

    // --- from order to assignment ---

    /// @inheritdoc IMarket
    function post(Order memory order) external payable returns (uint256 id) {
        uint256 escrow = quote(order);
        require(msg.value >= escrow, InsufficientEscrow(escrow, msg.value));

        id = nextJobId++;
        Job storage job_ = _jobs[id];
        _store(job_, order, escrow);
        totalEscrow += escrow;

        emit JobPosted(id, msg.sender, job_.specRoot, escrow, job_.matchDeadline, order);
        _move(id, job_, JobState.Open, Cause.Posted, job_.matchDeadline);
        if (msg.value > escrow) {
            _credit(msg.sender, msg.value - escrow);
            emit ExcessCredited(id, msg.sender, msg.value - escrow);
        }
    }

    /// @inheritdoc IMarket
    function take(uint256 id) external {
        (Refusal code, uint256 needed, uint256 have, Provider memory who) = _match(id, msg.sender);
        require(code == Refusal.None, Refused(code, needed, have));
        Job storage job_ = _jobs[id];

        Replica storage replica = _replicas[id].push();
        replica.provider = msg.sender;
        replica.state = ReplicaState.Taken;
        replica.locked = uint128(needed); // at most the free stake
        replica.ask = who.ask;

        emit ReplicaTaken(id, msg.sender, who.ask, _params.bondWei, needed);
        if (_replicas[id].length == job_.replicas) {
            _move(id, job_, JobState.Assigned, Cause.Filled, _after(job_.windows.ackSecs));
        }

        REGISTRY.lock(msg.sender, needed);
    }

    /// @inheritdoc IMarket
    function quit(uint256 id) external {
        Job storage job_ = _beforeRun(id);
        uint256 slot = _slotOf(id, msg.sender);

        _free(id, slot, Cause.Quit);
        if (job_.state == JobState.Assigned) {
            _move(id, job_, JobState.Open, Cause.Quit, job_.matchDeadline);
        }
    }

    /// @inheritdoc IMarket
    function inputFault(uint256 id, InputFaultKind kind) external {
        Job storage job_ = _beforeRun(id);
        uint256 slot = _slotOf(id, msg.sender);
        _requireReplica(_replicas[id][slot], ReplicaState.Taken);
        require(kind != InputFaultKind.None, NoFaultKind());

        // beyond the number of replicas a report adds nothing
        if (job_.faultReports < job_.replicas) job_.faultReports += 1;
        emit InputFaultReported(id, msg.sender, kind, job_.faultReports);
        _free(id, slot, Cause.InputsFaulty);
        if (job_.faultReports == job_.replicas && _count(id, ReplicaState.Acked) == 0) {
            _close(id, job_, JobState.InputFault, Cause.InputsFaulty);
        } else if (job_.state == JobState.Assigned) {
            _move(id, job_, JobState.Open, Cause.InputsFaulty, job_.matchDeadline);
        }
    }

    /// @inheritdoc IMarket
    function ack(uint256 id) external {
        (Job storage job_, Replica storage replica) =
            _turn(id, JobState.Assigned, ReplicaState.Taken);

        replica.state = ReplicaState.Acked;

        emit ReplicaAcked(id, msg.sender);
        if (_count(id, ReplicaState.Acked) == job_.replicas) {
            _move(id, job_, JobState.Running, Cause.Acknowledged, _after(job_.windows.runSecs));
        }
    }

    /// @inheritdoc IMarket
    function cancel(uint256 id) external {
        Job storage job_ = _known(id);
        if (job_.state == JobState.Running) {
            _during(id, JobState.Running);
        } else {
            _beforeRun(id);
        }
        require(msg.sender == job_.client, NotClient(job_.client, msg.sender));

        if (job_.state == JobState.Running) _payKillFees(id, job_);
        _close(id, job_, JobState.Cancelled, Cause.ClientCancelled);
    }

    // --- from run to result ---

    /// @inheritdoc IMarket
    function commit(uint256 id, bytes32 commitment) external {
        (Job storage job_, Replica storage replica) =
            _turn(id, JobState.Running, ReplicaState.Acked);
        require(commitment != bytes32(0), NoCommitment());

        replica.state = ReplicaState.Committed;
        replica.commitment = commitment;

        emit ReplicaCommitted(id, msg.sender, commitment);
        if (_count(id, ReplicaState.Committed) == job_.replicas) {
            _startReveal(id, job_, Cause.AllCommitted);
        }
    }

    /// @inheritdoc IMarket
    function reveal(uint256 id, bytes32 salt, bytes32 resultRoot, uint64 units) external {
        (Job storage job_, Replica storage replica) =
            _turn(id, JobState.Committed, ReplicaState.Committed);
        require(resultRoot != bytes32(0), NoResult());
        require(units <= job_.maxUnits, UnitsAboveFuel(job_.maxUnits, units));
        bytes32 commitment = commitmentOf(id, msg.sender, salt, resultRoot, units);
        require(commitment == replica.commitment, WrongCommitment(replica.commitment, commitment));

        replica.state = ReplicaState.Revealed;
        replica.resultRoot = resultRoot;
        replica.units = units;

        emit ReplicaRevealed(id, msg.sender, resultRoot, units);
        if (_count(id, ReplicaState.Committed) == 0) _compare(id, job_);
    }

    // --- ends ---

    /// @inheritdoc IMarket
    function accept(uint256 id) external {
        Job storage job_ = _during(id, JobState.Challengeable);
        require(msg.sender == job_.client, NotClient(job_.client, msg.sender));

        _payReplicas(id, job_, Cause.Accepted);
    }

    /// @inheritdoc IMarket
    function finalize(uint256 id) external {
        Job storage job_ = _past(id, JobState.Challengeable);

        _payReplicas(id, job_, Cause.WindowPassed);
    }

    /// @inheritdoc IMarket
    function voidDispute(uint256 id) external {
        Job storage job_ = _past(id, JobState.Disputed);

        _close(id, job_, JobState.Void, Cause.ResolveTimeout);
    }

    /// @inheritdoc IMarket
    function poke(uint256 id) external {
        JobState state = _known(id).state;
        require(LifeCycle.isPoked(state), NoExit(state));
        Job storage job_ = _past(id, state);

        if (state == JobState.Open) _close(id, job_, JobState.Expired, Cause.MatchTimeout);
        if (state == JobState.Assigned) _endAck(id, job_);
        if (state == JobState.Running) _endRun(id, job_);
        if (state == JobState.Committed) _endReveal(id, job_);
    }

    // --- money ---

    /// @inheritdoc IMarket
    function withdraw(address to) external returns (uint256 amount) {
        amount = credits[msg.sender];
        require(to != address(0), ZeroAddress());
        require(amount > 0, NothingToWithdraw(msg.sender));

        credits[msg.sender] = 0;
        totalCredits -= amount;

        emit Withdrawn(msg.sender, to, amount);

        (bool ok,) = to.call{value: amount}("");
        require(ok, TransferFailed(to, amount));
    }

    /// @inheritdoc IMarket
    receive() external payable {
        require(msg.sender == address(REGISTRY), NotRegistry(address(REGISTRY), msg.sender));
    }

    // --- views ---

    /// @inheritdoc IMarket
    function quote(Order memory order) public view returns (uint256 escrow) {
        OrderRules.check(order, params());
        return OrderRules.escrow(order);
    }

    /// @inheritdoc IMarket
    function refusal(uint256 id, address provider)
        external
        view
        returns (Refusal code, uint256 needed, uint256 have)
    {
        (code, needed, have,) = _match(id, provider);
        if (code == Refusal.None) (needed, have) = (0, 0);
    }

    /// @inheritdoc IMarket
    function exit(uint256 id) external view returns (Cause cause, uint64 deadline, bool due) {
        Job storage job_ = _known(id);
        cause = LifeCycle.exitOf(job_.state);
        deadline = job_.deadline;
        due = cause != Cause.None && _now() >= deadline;
    }

    /// @inheritdoc IMarket
    function job(uint256 id) public view returns (Job memory) {
        return _jobs[id];
    }

    /// @inheritdoc IMarket
    function jobState(uint256 id) external view returns (JobState) {
        return _jobs[id].state;
    }

    /// @inheritdoc IMarket
    function replicas(uint256 id) public view returns (Replica[] memory) {
        return _replicas[id];
    }

    /// @inheritdoc IMarket
    function params() public view returns (MarketParams memory) {
        return _params;
    }

    /// @inheritdoc IMarket
    function commitmentOf(
        uint256 id,
        address provider,
        bytes32 salt,
        bytes32 resultRoot,
        uint64 units
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(id, provider, salt, resultRoot, units));
    }

    // --- time-outs ---

    /// @dev Silent replicas are released; the job looks for others while it may.
    function _endAck(uint256 id, Job storage job_) private {
        for (uint256 i = _replicas[id].length; i > 0; --i) {
            if (_replicas[id][i - 1].state == ReplicaState.Taken) {
                _free(id, i - 1, Cause.AckTimeout);
            }
        }
        if (_now() < job_.matchDeadline) {
            _move(id, job_, JobState.Open, Cause.AckTimeout, job_.matchDeadline);
        } else {
            _close(id, job_, JobState.Expired, Cause.AckTimeout);
        }
    }

    /// @dev Replicas without a commitment lose their bond; the others go on.
    function _endRun(uint256 id, Job storage job_) private {
        _defaultAll(id, job_, ReplicaState.Acked, Cause.CommitTimeout);
        if (_count(id, ReplicaState.Committed) > 0) {
            _startReveal(id, job_, Cause.CommitTimeout);
        } else {
            _close(id, job_, JobState.Expired, Cause.CommitTimeout);
        }
    }

    /// @dev Replicas that did not reveal lose their bond; the others' results are compared.
    function _endReveal(uint256 id, Job storage job_) private {
        _defaultAll(id, job_, ReplicaState.Committed, Cause.RevealTimeout);
        if (_count(id, ReplicaState.Revealed) > 0) {
            _compare(id, job_);
        } else {
            _close(id, job_, JobState.Expired, Cause.RevealTimeout);
        }
    }

    function _startReveal(uint256 id, Job storage job_, Cause cause) private {
        _move(id, job_, JobState.Committed, cause, _after(job_.windows.revealSecs));
    }

    /// @dev Equal results become challengeable; different ones freeze the job.
    function _compare(uint256 id, Job storage job_) private {
        (bool equal, bytes32 resultRoot, uint64 units) = MatchRules.agreement(replicas(id));
        if (!equal) {
            _move(id, job_, JobState.Disputed, Cause.Conflict, _after(_params.resolveTimeoutSecs));
            return;
        }
        job_.resultRoot = resultRoot;
        job_.units = units;
        _move(id, job_, JobState.Challengeable, Cause.Agreed, _after(job_.windows.challengeSecs));
    }

    /// @dev The bond of every replica in `state` is slashed; what backs it beyond that is released.
    function _defaultAll(uint256 id, Job storage job_, ReplicaState state, Cause cause) private {
        uint256 bond = _params.bondWei;
        uint256 compensation = bond * _params.compensationBps / BPS;
        Replica[] storage all = _replicas[id];
        for (uint256 i = 0; i < all.length; ++i) {
            Replica storage replica = all[i];
            if (replica.state != state) continue;
            uint256 rest = replica.locked - bond;
            replica.state = ReplicaState.Defaulted;
            replica.locked = 0;
            _credit(job_.client, compensation);
            emit ReplicaDefaulted(id, replica.provider, cause, bond, compensation);
            REGISTRY.slash(replica.provider, bond, compensation);
            REGISTRY.unlock(replica.provider, rest);
        }
    }

    // --- payment ---

    /// @dev Every replica that revealed the agreed result is paid.
    function _payReplicas(uint256 id, Job storage job_, Cause cause) private {
        Replica[] memory all = replicas(id);
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].state != ReplicaState.Revealed) continue;
            _pay(id, job_, all[i], all[i].units, BPS);
        }
        _close(id, job_, JobState.Final, cause);
    }

    /// @dev Refused once a result is committed: its work is done.
    function _payKillFees(uint256 id, Job storage job_) private {
        uint256 bps = _params.killFeeBps;
        Replica[] memory all = replicas(id);
        for (uint256 i = 0; i < all.length; ++i) {
            require(all[i].state == ReplicaState.Acked, ResultCommitted(all[i].provider));
            _pay(id, job_, all[i], job_.maxUnits, bps);
        }
    }

    /// @dev Moves `bps` of a replica's price for `units` from the escrow to its provider's credit.
    function _pay(uint256 id, Job storage job_, Replica memory replica, uint64 units, uint256 bps)
        private
    {
        uint256 amount = replica.ask.total(units, job_.inputBytes, job_.outputBytes) * bps / BPS;
        job_.escrow -= uint128(amount);
        totalEscrow -= amount;
        _credit(replica.provider, amount);
        emit ReplicaPaid(id, replica.provider, amount);
    }

    /// @dev Ends a job: what is left of the escrow goes back, all stake is released.
    function _close(uint256 id, Job storage job_, JobState to, Cause cause) private {
        uint256 refund = job_.escrow;
        job_.escrow = 0;
        totalEscrow -= refund;
        _credit(job_.client, refund);
        _move(id, job_, to, cause, 0);
        if (refund > 0) emit ClientRefunded(id, job_.client, refund);

        Replica[] storage all = _replicas[id];
        for (uint256 i = 0; i < all.length; ++i) {
            uint256 locked = all[i].locked;
            if (locked == 0) continue;
            all[i].locked = 0;
            REGISTRY.unlock(all[i].provider, locked);
        }
    }

    function _credit(address account, uint256 amount) private {
        credits[account] += amount;
        totalCredits += amount;
    }

    // --- storage and rules ---

    function _store(Job storage job_, Order memory order, uint256 escrow) private {
        job_.client = msg.sender;
        job_.class = order.class;
        job_.replicas = order.replicas;
        job_.matchDeadline = _after(order.windows.matchSecs);
        job_.maxUnits = order.maxUnits;
        job_.inputBytes = order.inputBytes;
        job_.outputBytes = order.outputBytes;
        job_.cap = order.cap;
        job_.needs = order.needs;
        job_.windows = order.windows;
        job_.specRoot = keccak256(abi.encode(order.imageId, order.planRoot));
        job_.escrow = uint128(escrow); // at most msg.value
        job_.audience = order.audience;
    }

    /// @dev The only writer of a job's state.
    function _move(uint256 id, Job storage job_, JobState to, Cause cause, uint64 deadline)
        private
    {
        JobState from = job_.state;
        require(LifeCycle.allowed(from, to), ForbiddenTransition(from, to));
        job_.state = to;
        job_.deadline = deadline;
        emit JobMoved(id, from, to, cause, deadline);
    }

    /// @dev Takes a replica out of a job that does not run yet; its provider cannot come back.
    function _free(uint256 id, uint256 slot, Cause cause) private {
        Replica[] storage all = _replicas[id];
        address provider = all[slot].provider;
        uint256 locked = all[slot].locked;
        if (slot != all.length - 1) all[slot] = all[all.length - 1];
        all.pop();
        hasLeft[id][provider] = true;
        emit ReplicaLeft(id, provider, cause);
        REGISTRY.unlock(provider, locked);
    }

    /// @dev Why `provider` may not take the job, and the provider; when it may, `needed` is the stake
    /// to lock.
    function _match(uint256 id, address provider)
        private
        view
        returns (Refusal code, uint256 needed, uint256 have, Provider memory who)
    {
        Job memory job_ = job(id);
        who = REGISTRY.provider(provider);
        uint64 time = _now();
        (bool taken,) = _find(id, provider);
        if (job_.state == JobState.None) {
            code = Refusal.UnknownJob;
        } else if (job_.state != JobState.Open) {
            (code, needed, have) = (Refusal.NotOpen, uint256(JobState.Open), uint256(job_.state));
        } else if (time >= job_.matchDeadline) {
            (code, needed, have) = (Refusal.MatchClosed, job_.matchDeadline, time);
        } else if (provider == job_.client) {
            code = Refusal.OwnJob;
        } else if (hasLeft[id][provider]) {
            code = Refusal.LeftBefore;
        } else if (taken) {
            code = Refusal.AlreadyTaken;
        } else {
            (code, needed, have) = MatchRules.refusal(job_, who, params());
        }
    }

    function _known(uint256 id) private view returns (Job storage job_) {
        job_ = _jobs[id];
        require(job_.state != JobState.None, UnknownJob(id));
    }

    /// @dev A job in `state`, before its deadline.
    function _during(uint256 id, JobState state) private view returns (Job storage job_) {
        job_ = _known(id);
        require(job_.state == state, WrongState(state, job_.state));
        _requireBefore(job_.deadline);
    }

    /// @dev A job in `state`, before its deadline, and the caller's replica in `replicaState`.
    function _turn(uint256 id, JobState state, ReplicaState replicaState)
        private
        view
        returns (Job storage job_, Replica storage replica)
    {
        job_ = _during(id, state);
        replica = _replicas[id][_slotOf(id, msg.sender)];
        _requireReplica(replica, replicaState);
    }

    /// @dev A job that is `Open` or `Assigned`, before its deadline.
    function _beforeRun(uint256 id) private view returns (Job storage job_) {
        job_ = _known(id);
        require(
            job_.state == JobState.Open || job_.state == JobState.Assigned,
            WrongState(JobState.Open, job_.state)
        );
        _requireBefore(job_.deadline);
    }

    /// @dev A job in `state`, from its deadline on.
    function _past(uint256 id, JobState state) private view returns (Job storage job_) {
        job_ = _known(id);
        require(job_.state == state, WrongState(state, job_.state));
        uint64 time = _now();
        require(time >= job_.deadline, DeadlineNotReached(job_.deadline, time));
    }

    function _requireBefore(uint64 deadline) private view {
        uint64 time = _now();
        require(time < deadline, DeadlinePassed(deadline, time));
    }

    function _requireReplica(Replica storage replica, ReplicaState state) private view {
        require(replica.state == state, WrongReplicaState(state, replica.state));
    }

    function _slotOf(uint256 id, address provider) private view returns (uint256) {
        (bool found, uint256 slot) = _find(id, provider);
        require(found, NotReplica(provider));
        return slot;
    }

    function _find(uint256 id, address provider) private view returns (bool, uint256) {
        Replica[] storage all = _replicas[id];
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].provider == provider) return (true, i);
        }
        return (false, 0);
    }

    function _count(uint256 id, ReplicaState state) private view returns (uint256 count) {
        Replica[] storage all = _replicas[id];
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].state == state) ++count;
        }
    }

    function _now() private view returns (uint64) {
        return CLOCK.timestamp();
    }

    function _after(uint32 secs) private view returns (uint64) {
        return _now() + secs;
    }
}
