// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {
    Cause,
    InputFaultKind,
    Job,
    JobState,
    Order,
    Price,
    Replica,
    ReplicaState
} from "../../src/types/MarketTypes.sol";
import {Vm, vm} from "../Base.sol";
import {MarketFixture} from "../l2/MarketFixture.sol";

/// @notice A client and provider that never takes ether back.
contract Refusing {
    function call(address to, uint256 value, bytes calldata data)
        external
        returns (bool ok, bytes memory answer)
    {
        return to.call{value: value}(data);
    }
}

/// @notice Plays the market with clients and providers of every kind and keeps a second set of books,
/// out of the events, that the invariants compare with storage.
/// @dev Providers: 0 and 1 honest and in time, 2 lying about the result, 3 lying about units, 4 silent
/// or late, 5 copying a neighbour's commitment, 6 a contract that refuses ether, 7 a client. Every
/// action is one call of one actor; a refused call is fine, a panic is not.
contract MarketHandler is MarketFixture {
    uint256 public constant PROVIDERS = 8;
    uint256 public constant JOBS_MAX = 8;
    uint256 public constant HONEST = 2;

    address[] public providers;
    address[] public clients;
    Refusing private immutable refusing = new Refusing();

    /// What each job brought in and what went out of it.
    mapping(uint256 => uint256) public posted;
    mapping(uint256 => uint256) public paid;
    mapping(uint256 => uint256) public refunded;
    mapping(uint256 => mapping(address => uint256)) public payments;
    mapping(uint256 => mapping(address => uint256)) public defaults;
    mapping(uint256 => mapping(address => uint256)) public lockedAtMatch;
    mapping(uint256 => mapping(address => bool)) public left;
    mapping(address => uint256) public stakeIn;
    mapping(address => uint256) public slashed;
    mapping(address => uint256) public withdrawn;
    mapping(uint256 => JobState) public seen;
    mapping(uint256 => uint64) public deadlineSeen;
    mapping(JobState => uint256) public reached;
    mapping(uint256 => bool) public copied;
    uint256 public copies;

    /// The first broken rule that only a single call shows; empty while there is none.
    string public broken;

    constructor() {
        setUp();
        for (uint256 i = 0; i < PROVIDERS - 2; ++i) {
            providers.push(makeAddr(string.concat("provider", vm.toString(i))));
        }
        providers.push(address(refusing));
        providers.push(client);
        clients.push(client);
        clients.push(makeAddr("client1"));
        clients.push(address(refusing));
        vm.deal(address(refusing), 1000 ether);
        for (uint256 i = 0; i < clients.length; ++i) {
            vm.deal(clients[i], 1000 ether);
        }
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            vm.deal(providers[i], 1000 ether);
            _join(providers[i], 1.2 ether);
        }
    }

    // --- actions ---

    function postJob(uint256 seed, uint256 replicas, uint256 excess) external {
        if (market.nextJobId() > JOBS_MAX) return;
        Order memory order = orderOf(uint8(bound(replicas, 1, 4)));
        uint256 value = escrowOf(order.replicas) + (excess % 3);
        _do(
            clients[seed % clients.length],
            address(market),
            value,
            abi.encodeCall(IMarket.post, (order))
        );
    }

    /// Whatever comes next in a job's life, by everybody who has a part in it.
    function progress(uint256 seed) external {
        uint256 id = _job(seed);
        JobState state = market.jobState(id);
        if (state == JobState.Open) {
            for (uint256 i = 0; i < PROVIDERS; ++i) {
                _market(providers[(seed / 7 + i) % PROVIDERS], abi.encodeCall(IMarket.take, (id)));
            }
        }
        Replica[] memory all = market.replicas(id);
        for (uint256 i = 0; i < all.length; ++i) {
            _duty(id, all[i].provider, state);
        }
    }

    function takeJob(uint256 seed, uint256 who) external {
        _market(_provider(who), abi.encodeCall(IMarket.take, (_job(seed))));
    }

    function quitJob(uint256 seed, uint256 who) external {
        _market(_replica(seed, who), abi.encodeCall(IMarket.quit, (_job(seed))));
    }

    function reportFault(uint256 seed, uint256 who, uint256 kind) external {
        uint256 id = _job(seed);
        InputFaultKind kind_ = InputFaultKind(kind % 5);
        bytes memory data = abi.encodeCall(IMarket.inputFault, (id, kind_));
        Replica[] memory all = market.replicas(id);
        for (uint256 i = 0; i < all.length; ++i) {
            if (who % 2 == 0) _market(all[i].provider, data);
        }
        if (who % 2 == 1) _market(_replica(seed, who), data);
    }

    function ackJob(uint256 seed, uint256 who) external {
        _market(_replica(seed, who), abi.encodeCall(IMarket.ack, (_job(seed))));
    }

    function commitResult(uint256 seed, uint256 who) external {
        _commit(_job(seed), _replica(seed, who));
    }

    function revealResult(uint256 seed, uint256 who) external {
        _reveal(_job(seed), _replica(seed, who));
    }

    function cancelJob(uint256 seed, uint256 who) external {
        if (who % 3 != 0) return; // or few jobs would live
        uint256 id = _job(seed);
        address sender = who % 2 == 0 ? clients[(who / 2) % clients.length] : market.job(id).client;
        bool ok = _market(sender, abi.encodeCall(IMarket.cancel, (id)));
        if (ok && sender != market.job(id).client) _break("a stranger cancelled");
    }

    function acceptJob(uint256 seed, uint256 who) external {
        uint256 id = _job(seed);
        address sender = who % 2 == 0 ? clients[(who / 2) % clients.length] : market.job(id).client;
        bool ok = _market(sender, abi.encodeCall(IMarket.accept, (id)));
        if (ok && sender != market.job(id).client) _break("a stranger accepted");
    }

    /// Any exit of any job, mostly the right one, by a stranger.
    function exitJob(uint256 seed, uint256 which) external {
        uint256 id = _job(seed);
        if (which % 4 != 0) {
            JobState state = market.jobState(id);
            if (state >= JobState.Challengeable && which % 4 == 1) {
                uint64 deadline = market.job(id).deadline;
                if (deadline > time()) _pass(deadline - time());
            }
            which = state == JobState.Challengeable ? 1 : state == JobState.Disputed ? 2 : 0;
        }
        if (which % 3 == 0) _market(anyone, abi.encodeCall(IMarket.poke, (id)));
        if (which % 3 == 1) _market(anyone, abi.encodeCall(IMarket.finalize, (id)));
        if (which % 3 == 2) _market(anyone, abi.encodeCall(IMarket.voidDispute, (id)));
    }

    function withdrawCredit(uint256 who) external {
        address account = who % 3 == 0 ? clients[who % clients.length] : _provider(who);
        _market(account, abi.encodeCall(IMarket.withdraw, (account)));
    }

    function withdrawFreeStake(uint256 who, uint256 amount) external {
        address account = _provider(who);
        amount = bound(amount, 0, 1.5 ether);
        _registry(account, 0, abi.encodeCall(IRegistry.withdrawStake, (amount, account)));
    }

    function addToStake(uint256 who, uint256 amount) external {
        _registry(
            _provider(who), bound(amount, 0, 0.2 ether), abi.encodeCall(IRegistry.addStake, ())
        );
    }

    function leaveOrJoin(uint256 who) external {
        address account = _provider(who);
        if (registry.provider(account).stake == 0) {
            _join(account, 1.2 ether);
        } else {
            _registry(account, 0, abi.encodeCall(IRegistry.unregister, (account)));
        }
    }

    function changeAsk(uint256 who, uint256 baseFee, uint256 megaUnit) external {
        Price memory ask = Price(uint64(baseFee % 2e15), uint64(megaUnit % 2e14), 1e8, 1e8);
        _registry(_provider(who), 0, abi.encodeCall(IRegistry.setAsk, (ask)));
    }

    /// Time passes; honest providers do their duties first.
    function pass(uint256 secs) external {
        uint256 scale = secs % 16;
        if (scale < 8) secs = bound(secs, 1, 30);
        else if (scale < 12) secs = bound(secs, 30, 200);
        else if (scale < 15) secs = bound(secs, 200, 1200);
        else secs = 30 days;
        _pass(secs);
    }

    function _pass(uint256 secs) private {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            // the last commitment opens the reveal
            for (uint256 i = 0; i < 2 * HONEST; ++i) {
                JobState state = market.jobState(id);
                bool due = state == JobState.Running || state == JobState.Committed;
                if (due) _duty(id, providers[i % HONEST], state);
            }
        }
        advance(uint64(secs));
    }

    // --- what providers are like ---

    function _duty(uint256 id, address provider, JobState state) private {
        if (state == JobState.Assigned) _market(provider, abi.encodeCall(IMarket.ack, (id)));
        if (provider == providers[4] && time() % 2 == 0) return;
        if (state == JobState.Running) _commit(id, provider);
        if (state == JobState.Committed) _reveal(id, provider);
    }

    function _commit(uint256 id, address provider) private {
        if (provider == providers[5]) {
            Replica[] memory all = market.replicas(id);
            for (uint256 i = 0; i < all.length; ++i) {
                if (all[i].state != ReplicaState.Committed) continue;
                bool ok = _market(provider, abi.encodeCall(IMarket.commit, (id, all[i].commitment)));
                if (ok) (copied[id], copies) = (true, copies + 1);
                return;
            }
        }
        (bytes32 root, uint64 units) = _resultOf(id, provider);
        bytes32 commitment =
            keccak256(abi.encode(id, provider, saltOf(provider), root, uint256(units)));
        _market(provider, abi.encodeCall(IMarket.commit, (id, commitment)));
    }

    function _reveal(uint256 id, address provider) private {
        if (provider == providers[5] && copied[id]) {
            // whatever a neighbour has shown
            Replica[] memory all = market.replicas(id);
            for (uint256 i = 0; i < all.length; ++i) {
                if (all[i].state != ReplicaState.Revealed || all[i].provider == provider) continue;
                bytes32 salt = saltOf(all[i].provider);
                bool ok = _market(
                    provider,
                    abi.encodeCall(IMarket.reveal, (id, salt, all[i].resultRoot, all[i].units))
                );
                if (ok) _break("a copied commitment was revealed");
            }
            return;
        }
        (bytes32 root, uint64 units) = _resultOf(id, provider);
        _market(provider, abi.encodeCall(IMarket.reveal, (id, saltOf(provider), root, units)));
    }

    function _resultOf(uint256 id, address provider) private view returns (bytes32, uint64) {
        if (provider == providers[2]) return (LIE, UNITS);
        if (provider == providers[3]) return (ROOT, id % 3 == 0 ? 10_000_001 : UNITS + 1);
        return (ROOT, UNITS);
    }

    // --- books ---

    function _join(address account, uint256 value) private {
        Price memory ask = Price(2e14, 1e13, 1e8, 1e8);
        _registry(
            account, value, abi.encodeCall(IRegistry.register, (attributesOf(), ask, endpointOf()))
        );
    }

    function _market(address sender, bytes memory data) private returns (bool) {
        return _do(sender, address(market), 0, data);
    }

    function _registry(address sender, uint256 value, bytes memory data) private returns (bool) {
        return _do(sender, address(registry), value, data);
    }

    function _do(address sender, address target, uint256 value, bytes memory data)
        private
        returns (bool ok)
    {
        bytes memory answer;
        vm.recordLogs();
        if (sender == address(refusing)) {
            (ok, answer) = refusing.call(target, value, data);
        } else {
            vm.prank(sender);
            (ok, answer) = target.call{value: value}(data);
        }
        if (!ok && (answer.length < 4 || bytes4(answer) == bytes4(keccak256("Panic(uint256)")))) {
            _break("a call ran into a panic");
        }
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (ok && target == address(registry)) _bookStake(sender, logs);
        _bookJobs(logs);
        _checkTransitions();
    }

    function _bookStake(address sender, Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes32 topic = logs[i].topics[0];
            if (topic == IRegistry.ProviderRegistered.selector) {
                stakeIn[sender] = registry.provider(sender).stake;
                slashed[sender] = 0;
            }
            if (topic == IRegistry.StakeAdded.selector) {
                (uint256 amount,) = abi.decode(logs[i].data, (uint256, uint256));
                stakeIn[sender] += amount;
            }
            if (topic == IRegistry.StakeWithdrawn.selector) {
                (uint256 amount,,) = abi.decode(logs[i].data, (uint256, uint256, address));
                stakeIn[sender] -= amount;
            }
            if (topic == IRegistry.ProviderUnregistered.selector) {
                (stakeIn[sender], slashed[sender]) = (0, 0);
            }
        }
    }

    function _bookJobs(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(market)) continue;
            bytes32 topic = logs[i].topics[0];
            if (topic == IMarket.Withdrawn.selector) continue;
            uint256 id = uint256(logs[i].topics[1]);
            address who = address(uint160(uint256(logs[i].topics[2])));
            bytes memory data = logs[i].data;
            if (topic == IMarket.JobPosted.selector) posted[id] = market.job(id).escrow;
            if (topic == IMarket.ReplicaPaid.selector) {
                paid[id] += abi.decode(data, (uint256));
                payments[id][who] += 1;
            }
            if (topic == IMarket.ClientRefunded.selector) {
                refunded[id] += abi.decode(data, (uint256));
                if (who != market.job(id).client) _break("a refund went to a stranger");
            }
            if (topic == IMarket.ReplicaTaken.selector) {
                (,, uint256 amount) = abi.decode(data, (Price, uint256, uint256));
                lockedAtMatch[id][who] = amount;
                if (left[id][who]) _break("a provider came back to a job it left");
            }
            if (topic == IMarket.ReplicaLeft.selector) {
                left[id][who] = true;
                lockedAtMatch[id][who] = 0;
            }
            if (topic == IMarket.ReplicaDefaulted.selector) {
                (, uint256 bond,) = abi.decode(data, (Cause, uint256, uint256));
                defaults[id][who] += 1;
                slashed[who] += bond;
            }
            _checkTime(id, topic, data);
        }
    }

    /// Phase calls before the deadline, exits from it on.
    function _checkTime(uint256 id, bytes32 topic, bytes memory data) private {
        uint64 now_ = time();
        bool phase = topic == IMarket.ReplicaAcked.selector
            || topic == IMarket.ReplicaCommitted.selector
            || topic == IMarket.ReplicaRevealed.selector || topic == IMarket.ReplicaTaken.selector;
        if (phase && now_ >= deadlineSeen[id]) _break("a call after the deadline");
        if (topic != IMarket.JobMoved.selector) return;
        (Cause cause, uint64 deadline) = abi.decode(data, (Cause, uint64));
        if (cause >= Cause.MatchTimeout || cause == Cause.WindowPassed) {
            if (now_ < deadlineSeen[id]) _break("an exit before the deadline");
        } else if (
            // results are compared by the last reveal or by the time-out
            seen[id] != JobState.None && cause != Cause.Agreed && cause != Cause.Conflict
                && now_ >= deadlineSeen[id]
        ) {
            _break("a phase ended by a call after the deadline");
        }
        if (cause == Cause.Conflict && deadline != now_ + 30 days) {
            _break("a dispute does not wait for the resolve time-out");
        }
        deadlineSeen[id] = deadline;
    }

    function _checkTransitions() private {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            JobState now_ = market.jobState(id);
            JobState before = seen[id];
            if (now_ == before) continue;
            if (!_allowed(before, now_)) _break("a transition that is not allowed");
            seen[id] = now_;
            reached[now_] += 1;
        }
    }

    /// The diagram of `IMarket`, written down again as pairs of letters.
    function _allowed(JobState from, JobState to) private pure returns (bool) {
        // None Open Assigned Running coMmitted cHallengeable Disputed Final Cancelled Expired Input Void
        bytes12 letter = "NOARMHDFCEIV";
        bytes memory list = "NO OA OC OE OI AO AR AC AE AI RM RC RE MH MD ME HF DV ";
        for (uint256 i = 0; i < list.length; i += 3) {
            if (list[i] == letter[uint256(from)] && list[i + 1] == letter[uint256(to)]) {
                return true;
            }
        }
        return false;
    }

    function _break(string memory rule) private {
        if (bytes(broken).length == 0) broken = rule;
    }

    function _job(uint256 seed) private view returns (uint256) {
        uint256 count = market.nextJobId() - 1;
        return count == 0 ? 1 : 1 + seed % count;
    }

    function _provider(uint256 who) private view returns (address) {
        return providers[who % PROVIDERS];
    }

    /// Mostly somebody with a part in the job.
    function _replica(uint256 seed, uint256 who) private view returns (address) {
        Replica[] memory all = market.replicas(_job(seed));
        if (all.length == 0 || who % 8 == 0) return _provider(who / 8);
        return all[who % all.length].provider;
    }
}
