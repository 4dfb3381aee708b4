//! The game against adversaries that delay, lie everywhere, claim much at once and censor, on a computation of one to three levels.
//!
//! No false claim is ever confirmed, and the true one is within two windows, the time that was censored and the honest player's own
//! reactions. A game is its seed: `ASSAY_GAMES=20000 cargo test -p assay-dispute --release --test game` plays more.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    rc::Rc,
};

use alloy_primitives::B256;
use assay_dispute::{Children, Claim, Game, History, Move, Refused, Rules, Truth, Worth, moves, whole};

/// Repeatable numbers (splitmix64, Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number that each innermost step mixes, and how many strides of each level are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    value: u64,
    level: u8,
    done: [u32; 4],
}

impl State {
    fn pack(self) -> B256 {
        let mut bytes = B256::ZERO;
        bytes[..8].copy_from_slice(&self.value.to_be_bytes());
        bytes[8] = self.level;
        for (place, done) in bytes[16..].chunks_mut(4).zip(self.done) {
            place.copy_from_slice(&done.to_be_bytes());
        }
        bytes
    }

    fn unpack(bytes: B256) -> Self {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let value = u64::from_be_bytes(bytes[..8].try_into().unwrap());
        Self { value, level: bytes[8], done: [16, 20, 24, 28].map(number) }
    }
}

/// The computation.
struct Toy {
    heights: Vec<u32>,
    histories: HashMap<(u32, B256), Rc<History>>,
}

impl Toy {
    fn strides(&self, level: u32) -> u32 {
        1 << (4 * self.heights[level as usize])
    }

    /// What comes after one stride.
    fn stride(&self, level: u32, start: B256) -> B256 {
        let Some(inner) = self.down(level, start) else { return self.step(start).unwrap() };
        let end = (0..self.strides(level + 1)).fold(inner, |state, _| self.stride(level + 1, state));
        self.up(level, end).unwrap()
    }

    /// The states after each stride of a level, each changed by `lie` before the next starts from it.
    fn ends(&self, level: u32, start: B256, mut lie: impl FnMut(State) -> State) -> Vec<B256> {
        let mut state = start;
        let ends = (0..self.strides(level)).map(|_| {
            state = lie(State::unpack(self.stride(level, state))).pack();
            state
        });
        ends.collect()
    }
}

impl Rules for Toy {
    fn down(&self, level: u32, state: B256) -> Option<B256> {
        let mut state = State::unpack(state);
        let inner = (level as usize + 1 < self.heights.len()) && u32::from(state.level) == level;
        state.level += 1;
        inner.then(|| state.pack())
    }

    fn up(&self, level: u32, state: B256) -> Option<B256> {
        let mut state = State::unpack(state);
        let at = level as usize;
        if u32::from(state.level) != level + 1 || state.done[at + 1] != self.strides(level + 1) {
            return None;
        }
        state.level -= 1;
        state.done[at] += 1;
        state.done[at + 1] = 0;
        Some(state.pack())
    }

    fn step(&self, state: B256) -> Option<B256> {
        let mut state = State::unpack(state);
        let at = usize::from(state.level);
        if at + 1 != self.heights.len() {
            return None;
        }
        if state.done[at] < self.strides(at as u32) {
            state.value = mix(state.value ^ u64::from(state.done[at]));
            state.done[at] += 1;
        }
        Some(state.pack())
    }
}

impl Truth for Toy {
    type Error = Infallible;

    fn history(&mut self, level: u32, start: B256) -> Result<Rc<History>, Infallible> {
        if let Some(known) = self.histories.get(&(level, start)) {
            return Ok(known.clone());
        }
        let ends = self.ends(level, start, |state| state);
        let history = Rc::new(History::new(level, self.heights[level as usize], &ends).unwrap());
        self.histories.insert((level, start), history.clone());
        Ok(history)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Plays what it can at once.
    Fast,
    /// And refines every stride three times, true ones too.
    Many,
    /// Each move with a chance.
    Random,
    /// So rarely that it runs out of time.
    Late,
    /// Only when a third of the window has gone.
    Lazy,
}

/// Everyone who lies.
struct Liars {
    style: Style,
    random: Random,
    /// When which root is claimed.
    roots: Vec<(u64, Claim)>,
    /// What they can open.
    openings: BTreeMap<Claim, Children>,
    /// When they first saw a claim.
    seen: BTreeMap<Claim, u64>,
}

impl Liars {
    /// Learns how to open everything below a claim.
    fn keep(&mut self, history: &History, claim: Claim, path: &mut Vec<u8>) {
        let Some(children) = history.open(path) else { return };
        self.openings.insert(claim, children);
        for at in 0..children.len() {
            path.push(at as u8);
            self.keep(history, claim.child(&children, at), path);
            path.pop();
        }
    }

    /// A history that lies with some chance after each stride, and ends in `end` if one is given.
    fn lie(&mut self, toy: &Toy, level: u32, start: B256, percent: u64, end: Option<u64>) -> Claim {
        let random = &mut self.random;
        let mut ends = toy.ends(level, start, |mut state| {
            if random.chance(percent) {
                state.value = random.next();
            }
            state
        });
        if let (Some(value), Some(last)) = (end, ends.last_mut()) {
            *last = State { value, ..State::unpack(*last) }.pack();
        }
        let history = History::new(level, toy.heights[level as usize], &ends).unwrap();
        let claim = whole(&history, start);
        self.keep(&history, claim, &mut Vec::new());
        claim
    }

    fn acts(&mut self, claim: &Claim, now: u64, window: u64) -> bool {
        let seen = *self.seen.entry(*claim).or_insert(now);
        match self.style {
            Style::Fast | Style::Many => true,
            Style::Random => self.random.chance(20),
            Style::Late => self.random.below(window) < 2,
            Style::Lazy => now - seen > window / 3,
        }
    }

    fn play(&mut self, game: &mut Game, toy: &Toy, now: u64) {
        for (at, claim) in self.roots.clone() {
            if at <= now && !game.has(&claim) {
                game.play(now, &Move::Enter(claim), toy).unwrap();
            }
        }
        let claims: Vec<Claim> = game.claims().copied().collect();
        for claim in claims {
            if game.rivals(&claim).next().is_none() || !self.acts(&claim, now, game.window()) {
                continue;
            }
            let found = if claim.height > 0 {
                self.open_and_point(game, &claim)
            } else if game.height(claim.level + 1).is_some() {
                self.refine(game, toy, &claim)
            } else {
                vec![Move::Prove(claim)]
            };
            for found in found {
                let _ = game.play(now, &found, toy); // what is refused is refused
            }
        }
    }

    fn open_and_point(&mut self, game: &Game, claim: &Claim) -> Vec<Move> {
        if !game.is_open(claim) {
            let ours = self.openings.get(claim);
            return ours.map(|ours| Move::Open(*claim, Box::new(*ours))).into_iter().collect();
        }
        let random = &mut self.random;
        let opened = game.rivals(claim).filter(|rival| game.is_open(rival) && random.chance(50));
        opened.map(|rival| Move::Rival(*claim, *rival)).collect()
    }

    fn refine(&mut self, game: &Game, toy: &Toy, leaf: &Claim) -> Vec<Move> {
        let most = if self.style == Style::Many { 3 } else { 1 };
        if game.refinements(leaf).count() >= most {
            return Vec::new();
        }
        let percent = self.random.pick(&[2, 20, 100]);
        let start = toy.down(leaf.level, leaf.start).unwrap();
        let end = State::unpack(leaf.end).value;
        vec![Move::Refine { leaf: *leaf, claim: self.lie(toy, leaf.level + 1, start, percent, Some(end)) }]
    }
}

/// What came of a game.
#[derive(Debug, Default)]
struct Played {
    moves: u64,
    proofs: u64,
    levels: u32,
    /// Of the window, in hundredths, until the truth was confirmed.
    took: u64,
}

/// Plays the game of a seed; `None` where its window is too short for anybody's moves.
fn play(seed: u64) -> Option<Played> {
    let mut random = Random(seed);
    let heights: Vec<u32> = random.pick(&[&[1][..], &[2], &[1, 1], &[2, 1], &[1, 2], &[1, 1, 1]]).to_vec();
    let window = random.pick(&[80, 120, 240]);
    let reaction = random.pick(&[1, 2, 4]);
    let mut censored = random.pick(&[0, 0, 5, 20]);
    let depth = (u64::from(heights.iter().sum::<u32>()) * 2 + heights.len() as u64 + 3) * reaction * 2;
    if window <= depth + censored {
        return None;
    }
    let bound = 2 * window + censored + depth;
    let mut toy = Toy { heights: heights.clone(), histories: HashMap::new() };
    let start = State { value: seed, level: 0, done: [0; 4] }.pack();
    let style = random.pick(&[Style::Fast, Style::Many, Style::Random, Style::Late, Style::Lazy]);
    let Ok(history) = toy.history(0, start);
    let truth = whole(&history, start);
    let (openings, seen) = (BTreeMap::new(), BTreeMap::new());
    let mut liars = Liars { style, random: Random(random.next()), roots: Vec::new(), openings, seen };
    for _ in 0..random.pick(&[1, 1, 2, 3, 5]) {
        let percent = random.pick(&[3, 20, 60]);
        let claim = liars.lie(&toy, 0, start, percent, None);
        let at = random.pick(&[0, 0, 1, window / 2, window - 1, window]);
        if claim != truth && liars.roots.iter().all(|(_, other)| *other != claim) {
            liars.roots.push((at, claim));
        }
    }
    let mut game = Game::with_heights(heights, start, window);
    let mut played = Played::default();
    for now in 0..=bound {
        liars.play(&mut game, &toy, now);
        let censors = censored > 0 && random.chance(50);
        censored -= u64::from(censors);
        if !censors && now % reaction == 0 {
            let Ok(plays) = moves(&game, start, &mut toy);
            for play in plays {
                played.proofs += u64::from(matches!(play, Move::Prove(_)));
                game.play(now, &play, &toy).unwrap_or_else(|error| panic!("seed {seed}: {error}: {play:?}"));
                played.moves += 1;
            }
        }
        for (_, lie) in &liars.roots {
            let worth = game.worth(lie, now);
            assert!(
                worth < Worth::Time(window),
                "seed {seed}, {style:?}: a lie is worth {worth:?} of {window}"
            );
        }
        if game.confirm(now, &truth) {
            played.took = 100 * now / window;
            played.levels = game.claims().map(|claim| claim.level + 1).max().unwrap_or(0);
            assert_eq!(game.confirmed(), Some(&truth));
            return Some(played);
        }
    }
    panic!("seed {seed}, {style:?}: the truth is not confirmed after {bound} of {window} seconds");
}

#[test]
fn no_lie_is_confirmed_and_the_truth_is_in_time() {
    let games = std::env::var("ASSAY_GAMES").ok().and_then(|games| games.parse().ok()).unwrap_or(1_500);
    let (mut count, mut slowest, mut made, mut proofs, mut deep) = (0u64, 0, 0, 0, 0);
    for played in (0..games).filter_map(play) {
        count += 1;
        slowest = slowest.max(played.took);
        made += played.moves;
        proofs += played.proofs;
        deep += u64::from(played.levels == 3);
    }
    println!(
        "{count} games, {made} honest moves, {proofs} proofs, {deep} of three levels, slowest {slowest} % of a window"
    );
    assert!(count * 2 > games, "{count} games were worth playing");
    assert!(
        proofs > count / 4 && deep > 0,
        "{proofs} proofs, {deep} games of three levels: nobody played to the end"
    );
}

/// A game of one level with the truth and one lie, both entered at zero.
fn two() -> (Toy, Game, [Claim; 2], [Children; 2]) {
    let mut toy = Toy { heights: vec![1], histories: HashMap::new() };
    let start = State { value: 7, level: 0, done: [0; 4] }.pack();
    let Ok(history) = toy.history(0, start);
    let lie =
        toy.ends(0, start, |state| State { value: state.value ^ u64::from(state.done[0] == 9), ..state });
    let lie = History::new(0, 1, &lie).unwrap();
    let claims = [whole(&history, start), whole(&lie, start)];
    let mut game = Game::with_heights(vec![1], start, 100);
    for claim in &claims {
        game.play(0, &Move::Enter(*claim), &toy).unwrap();
    }
    (toy, game, claims, [history.open(&[]).unwrap(), lie.open(&[]).unwrap()])
}

#[test]
fn moves_are_refused_with_their_reason() {
    let (toy, mut game, [truth, lie], [ours, theirs]) = two();
    let mut refused = |play: Move| game.play(5, &play, &toy).unwrap_err();
    assert_eq!(refused(Move::Enter(truth)), Refused::Done);
    assert_eq!(refused(Move::Enter(Claim { height: 2, ..truth })), Refused::NotRoot);
    assert_eq!(refused(Move::Open(truth, Box::new(theirs))), Refused::NotItsChildren);
    assert_eq!(refused(Move::Open(Claim { end: B256::ZERO, ..truth }, Box::new(ours))), Refused::Unknown);
    assert_eq!(refused(Move::Rival(truth, lie)), Refused::NotOpened);
    assert_eq!(refused(Move::Rival(truth, truth)), Refused::NotRivals);
    assert_eq!(refused(Move::Prove(truth)), Refused::WrongPlace);
    let stride = truth.child(&ours, 3);
    assert_eq!(refused(Move::Prove(stride)), Refused::Unknown);
    assert_eq!(refused(Move::Refine { leaf: stride, claim: truth }), Refused::WrongPlace);
}

#[test]
fn the_clock_is_the_one_that_is_written_down() {
    let (toy, mut game, [truth, lie], [ours, theirs]) = two();
    let worth = |game: &Game, claim: &Claim, now| game.worth(claim, now);
    // both have a rival from the start
    assert_eq!([worth(&game, &truth, 50), worth(&game, &lie, 50)], [Worth::Time(0); 2]);
    game.play(10, &Move::Open(truth, Box::new(ours)), &toy).unwrap();
    assert_eq!([worth(&game, &truth, 50), worth(&game, &lie, 50)], [Worth::Time(40), Worth::Time(0)]);
    game.play(30, &Move::Open(lie, Box::new(theirs)), &toy).unwrap();
    // nobody points: both run, the lie later
    assert_eq!([worth(&game, &truth, 50), worth(&game, &lie, 50)], [Worth::Time(40), Worth::Time(20)]);
    // pointing late counts from when both were open
    game.play(49, &Move::Rival(lie, truth), &toy).unwrap();
    assert_eq!([worth(&game, &truth, 50), worth(&game, &lie, 50)], [Worth::Time(20), Worth::Time(0)]);
    let at = assay_dispute::first_difference(&ours, &theirs).unwrap();
    assert_eq!(at, 8);
    let [good, bad] = [truth.child(&ours, at), lie.child(&theirs, at)];
    assert_eq!(game.play(60, &Move::Prove(bad), &toy), Err(Refused::Disproven));
    game.play(60, &Move::Prove(good), &toy).unwrap();
    // the other fifteen run on
    assert_eq!([worth(&game, &truth, 70), worth(&game, &lie, 9_999)], [Worth::Time(60), Worth::Time(0)]);
    assert!(!game.confirm(109, &truth) && !game.confirm(9_999, &lie) && game.confirm(110, &truth));
    assert!(!game.confirm(9_999, &truth), "once");
    assert_eq!(game.play(111, &Move::Enter(Claim { end: B256::ZERO, ..truth }), &toy), Err(Refused::Over));
}

#[test]
fn a_claim_without_a_rival_stands_after_the_window() {
    let (toy, _, [truth, _], _) = two();
    let mut game = Game::with_heights(vec![1], truth.start, 100);
    game.play(7, &Move::Enter(truth), &toy).unwrap();
    assert!(!game.confirm(106, &truth) && game.confirm(107, &truth));
}
