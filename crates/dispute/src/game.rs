//! The dispute game as a pure function: claims, moves and clocks (PROTOCOL, section 2). The contract follows it.
//!
//! Time is in seconds of the chain that the game is on. Nothing here waits or forgets: the state after a set of moves, and what every
//! claim is worth at any time, follow from the moves alone.
//!
//! # Clocks
//!
//! With `born(c)` the time of a claim and rivals the other claims of its group (same level, height and start):
//!
//! * `own(c, t)` = `first - born(c)`, at least zero, where `first` is the earliest birth of a rival; `t - born(c)` without one.
//! * `time(c, t)` = `own(c, t)` + what stands below it:
//!   * endless for a proven step;
//!   * for an opened claim the least of `t - opened(c)` and `time(k, t)` of its children `k` that have rivals;
//!   * for a refined claim the most of `time(r, t)` of the claims `r` that refine it;
//!   * zero otherwise.
//!
//! The children of two opened rivals that differ first start from the same state, so that they are rivals. A child is born when its
//! earliest opened parent was opened, whoever points at it and whenever. Children without rivals are not stored: they are worth
//! `t - opened(c)` at least. A root claim whose time reaches the window is confirmed, and bars its rivals.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use alloy_primitives::B256;

use crate::{ARITY, Children, History, LEAF_ROOT, Layout, first_difference};

/// *From `start`, after `16^height` strides of `level`, the state is `end`, and the history in between has root `root`.*
///
/// It is its own key: equal claims are one claim, whoever makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Level, the outermost is 0.
    pub level: u32,
    /// Height above the level's strides.
    pub height: u32,
    /// State before.
    pub start: B256,
    /// State after.
    pub end: B256,
    /// History root.
    pub root: B256,
}

impl Claim {
    /// Child `index` of an opening: each starts where the one before it ends.
    ///
    /// # Panics
    /// When `index` is not below [`ARITY`], or the claim is a stride.
    pub fn child(&self, children: &Children, index: usize) -> Self {
        let start = if index == 0 { self.start } else { children[index - 1].0 };
        let (end, root) = children[index];
        Self { level: self.level, height: self.height - 1, start, end, root }
    }

    /// What rivals share.
    const fn group(&self) -> (u32, u32, B256) {
        (self.level, self.height, self.start)
    }
}

/// What anyone may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Claims the whole computation.
    Enter(Claim),
    /// Shows the children of a claim that has a rival.
    Open(Claim, Box<Children>),
    /// Points at two opened rivals: their first differing children become rivals. The contract is shown both openings again.
    Rival(Claim, Claim),
    /// Claims the whole next level under a stride that has a rival.
    Refine {
        /// The stride.
        leaf: Claim,
        /// The claim on the next level.
        claim: Claim,
    },
    /// Takes the single step of an innermost stride.
    Prove(Claim),
}

/// Why a move is no move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not about the whole computation, or of the wrong shape.
    #[error("this is no claim on the whole computation")]
    NotRoot,
    /// Nobody made it.
    #[error("nobody made this claim")]
    Unknown,
    /// Nobody doubts it.
    #[error("the claim has no rival")]
    NoRival,
    /// Done already.
    #[error("this was done already")]
    Done,
    /// The children are not the claim's.
    #[error("the children do not hash to the claim's root, or do not end where it ends")]
    NotItsChildren,
    /// Not opened yet.
    #[error("the claim is not opened")]
    NotOpened,
    /// They start from different states, or are equal.
    #[error("these are no rivals")]
    NotRivals,
    /// A stride of the innermost level is proven, others are refined; heights are opened.
    #[error("the claim stands at another place of the tree")]
    WrongPlace,
    /// The refining claim does not start or end where the stride does.
    #[error("the claim does not refine this stride")]
    NotItsRefinement,
    /// The step ends elsewhere.
    #[error("the step does not end there")]
    Disproven,
    /// Another root was confirmed.
    #[error("the game is over")]
    Over,
}

/// How states of neighbouring levels belong together, and what one step does.
pub trait Rules {
    /// The state of `level + 1` that a stride of `level` from `state` starts with; `None` where `state` is none.
    fn down(&self, level: u32, state: B256) -> Option<B256>;
    /// The state of `level` after the run of `level + 1` that ended in `state`.
    fn up(&self, level: u32, state: B256) -> Option<B256>;
    /// One step of the innermost level.
    fn step(&self, state: B256) -> Option<B256>;
}

/// How much a claim is worth: seconds, or endless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// Seconds.
    Time(u64),
    /// As a proven step.
    Endless,
}

impl Worth {
    fn plus(self, seconds: u64) -> Self {
        match self {
            Self::Time(time) => Self::Time(time.saturating_add(seconds)),
            Self::Endless => Self::Endless,
        }
    }
}

/// What is known of a claim.
#[derive(Clone, Debug)]
struct Entry {
    born: u64,
    /// When, and what was shown: the contract keeps the time only.
    opened: Option<(u64, Box<Children>)>,
    proven: bool,
    /// Children that have rivals.
    rivalled: BTreeSet<Claim>,
    refinements: BTreeSet<Claim>,
}

impl Entry {
    const fn new(born: u64) -> Self {
        Self { born, opened: None, proven: false, rivalled: BTreeSet::new(), refinements: BTreeSet::new() }
    }
}

/// One dispute about one computation.
#[derive(Clone, Debug)]
pub struct Game {
    heights: Vec<u32>,
    start: B256,
    window: u64,
    claims: BTreeMap<Claim, Entry>,
    groups: BTreeMap<(u32, u32, B256), Vec<Claim>>,
    confirmed: Option<Claim>,
}

impl Game {
    /// A game over `layout` from the state `start`: a claim stands after `window` seconds of its own.
    pub fn new(layout: &Layout, start: B256, window: u64) -> Self {
        Self::with_heights(layout.levels().iter().map(|level| level.height()).collect(), start, window)
    }

    /// The same with levels of these heights, outermost first.
    pub fn with_heights(heights: Vec<u32>, start: B256, window: u64) -> Self {
        let (claims, groups) = (BTreeMap::new(), BTreeMap::new());
        Self { heights, start, window, claims, groups, confirmed: None }
    }

    /// The window, in seconds.
    pub const fn window(&self) -> u64 {
        self.window
    }

    /// Height of a level; `None` past the innermost.
    pub fn height(&self, level: u32) -> Option<u32> {
        self.heights.get(level as usize).copied()
    }

    /// Whether anybody made the claim.
    pub fn has(&self, claim: &Claim) -> bool {
        self.claims.contains_key(claim)
    }

    /// Whether its children were shown.
    pub fn is_open(&self, claim: &Claim) -> bool {
        self.opening(claim).is_some()
    }

    /// The children that were shown.
    pub fn opening(&self, claim: &Claim) -> Option<&Children> {
        self.claims.get(claim)?.opened.as_ref().map(|(_, children)| &**children)
    }

    /// Whether its step was taken.
    pub fn is_proven(&self, claim: &Claim) -> bool {
        self.claims.get(claim).is_some_and(|entry| entry.proven)
    }

    /// The claims that contradict it.
    pub fn rivals(&self, claim: &Claim) -> impl Iterator<Item = &Claim> {
        self.groups.get(&claim.group()).into_iter().flatten().filter(move |other| *other != claim)
    }

    /// The children of an opened claim that have rivals.
    pub fn rivalled_children(&self, claim: &Claim) -> impl Iterator<Item = &Claim> {
        self.claims.get(claim).into_iter().flat_map(|entry| &entry.rivalled)
    }

    /// The claims that refine a stride.
    pub fn refinements(&self, claim: &Claim) -> impl Iterator<Item = &Claim> {
        self.claims.get(claim).into_iter().flat_map(|entry| &entry.refinements)
    }

    /// Every claim, in order.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.keys()
    }

    /// The root claim that was confirmed.
    pub const fn confirmed(&self) -> Option<&Claim> {
        self.confirmed.as_ref()
    }

    /// Makes a move at time `now`. A refused move changes nothing.
    pub fn play(&mut self, now: u64, play: &Move, rules: &impl Rules) -> Result<(), Refused> {
        match play {
            Move::Enter(claim) => {
                if self.confirmed.is_some() {
                    return Err(Refused::Over);
                }
                if claim.level != 0 || Some(claim.height) != self.height(0) || claim.start != self.start {
                    return Err(Refused::NotRoot);
                }
                if self.has(claim) {
                    return Err(Refused::Done);
                }
                self.add(*claim, now);
            }
            Move::Open(claim, children) => {
                if claim.height == 0 {
                    return Err(Refused::WrongPlace);
                }
                let is_open = self.entry(claim)?.opened.is_some();
                self.doubted(claim)?;
                if is_open {
                    return Err(Refused::Done);
                }
                check(claim, children)?;
                if let Some(entry) = self.claims.get_mut(claim) {
                    entry.opened = Some((now, children.clone()));
                }
            }
            Move::Rival(a, b) => self.rival(a, b)?,
            Move::Refine { leaf, claim } => {
                self.refine(now, leaf, claim, rules)?;
            }
            Move::Prove(claim) => {
                if claim.height > 0 || self.height(claim.level + 1).is_some() {
                    return Err(Refused::WrongPlace);
                }
                if self.entry(claim)?.proven {
                    return Err(Refused::Done);
                }
                self.doubted(claim)?;
                if rules.step(claim.start) != Some(claim.end) {
                    return Err(Refused::Disproven);
                }
                if let Some(entry) = self.claims.get_mut(claim) {
                    entry.proven = true;
                }
            }
        }
        Ok(())
    }

    fn rival(&mut self, a: &Claim, b: &Claim) -> Result<(), Refused> {
        if a == b || a.group() != b.group() {
            return Err(Refused::NotRivals);
        }
        let (opened_a, of_a) = self.entry(a)?.opened.as_ref().ok_or(Refused::NotOpened)?;
        let (opened_b, of_b) = self.entry(b)?.opened.as_ref().ok_or(Refused::NotOpened)?;
        let at = first_difference(of_a, of_b).ok_or(Refused::NotRivals)?;
        let (children, pair) = ([a.child(of_a, at), b.child(of_b, at)], [*opened_a, *opened_b]);
        let known = [a, b].iter().zip(&children).all(|(parent, child)| {
            self.claims.get(*parent).is_some_and(|entry| entry.rivalled.contains(child))
        });
        if known {
            return Err(Refused::Done);
        }
        for ((parent, child), opened) in [a, b].into_iter().zip(children).zip(pair) {
            self.add(child, opened);
            if let Some(entry) = self.claims.get_mut(parent) {
                entry.rivalled.insert(child);
            }
        }
        Ok(())
    }

    fn refine(&mut self, now: u64, leaf: &Claim, claim: &Claim, rules: &impl Rules) -> Result<(), Refused> {
        let height = self.height(leaf.level + 1);
        if leaf.height > 0 || height.is_none() {
            return Err(Refused::WrongPlace);
        }
        let known = self.entry(leaf)?.refinements.contains(claim);
        self.doubted(leaf)?;
        let fits = claim.level == leaf.level + 1
            && Some(claim.height) == height
            && rules.down(leaf.level, leaf.start) == Some(claim.start)
            && rules.up(leaf.level, claim.end) == Some(leaf.end);
        if !fits {
            return Err(Refused::NotItsRefinement);
        }
        if known {
            return Err(Refused::Done);
        }
        if !self.has(claim) {
            self.add(*claim, now);
        }
        if let Some(entry) = self.claims.get_mut(leaf) {
            entry.refinements.insert(*claim);
        }
        Ok(())
    }

    /// Confirms a root claim whose time is up.
    pub fn confirm(&mut self, now: u64, claim: &Claim) -> bool {
        let is_root = claim.level == 0 && Some(claim.height) == self.height(0) && self.has(claim);
        let stands =
            self.confirmed.is_none() && is_root && self.worth(claim, now) >= Worth::Time(self.window);
        if stands {
            self.confirmed = Some(*claim);
        }
        stands
    }

    /// What a claim is worth at `now`; nothing if nobody made it.
    pub fn worth(&self, claim: &Claim, now: u64) -> Worth {
        self.worth_with(claim, now, &mut BTreeMap::new())
    }

    fn worth_with(&self, claim: &Claim, now: u64, known: &mut BTreeMap<Claim, Worth>) -> Worth {
        let Some(entry) = self.claims.get(claim) else { return Worth::Time(0) };
        if let Some(worth) = known.get(claim) {
            return *worth;
        }
        let below = match &entry.opened {
            _ if entry.proven => Worth::Endless,
            Some((opened, _)) => {
                let unrivalled = Worth::Time(now.saturating_sub(*opened));
                let all = entry.rivalled.iter().map(|child| self.worth_with(child, now, known)).min();
                let full = entry.rivalled.len() >= ARITY;
                match all {
                    Some(least) if full => least,
                    Some(least) => least.min(unrivalled),
                    None => unrivalled,
                }
            }
            None => {
                let best = entry.refinements.iter().map(|claim| self.worth_with(claim, now, known)).max();
                best.unwrap_or(Worth::Time(0))
            }
        };
        let first =
            self.rivals(claim).filter_map(|rival| self.claims.get(rival)).map(|rival| rival.born).min();
        let worth = below.plus(first.unwrap_or(now).saturating_sub(entry.born));
        known.insert(*claim, worth);
        worth
    }

    fn entry(&self, claim: &Claim) -> Result<&Entry, Refused> {
        self.claims.get(claim).ok_or(Refused::Unknown)
    }

    fn doubted(&self, claim: &Claim) -> Result<(), Refused> {
        self.rivals(claim).next().map(|_| ()).ok_or(Refused::NoRival)
    }

    /// A claim made at `born`, or found to have been made then.
    fn add(&mut self, claim: Claim, born: u64) {
        if let Some(entry) = self.claims.get_mut(&claim) {
            entry.born = entry.born.min(born);
            return;
        }
        self.claims.insert(claim, Entry::new(born));
        self.groups.entry(claim.group()).or_default().push(claim);
    }
}

/// Whether these are the claim's children.
fn check(claim: &Claim, children: &Children) -> Result<(), Refused> {
    let leaves = claim.height > 1 || children.iter().all(|(_, root)| *root == LEAF_ROOT);
    let ends = children[ARITY - 1].0 == claim.end;
    if leaves && ends && History::node(claim.level, claim.height, children) == claim.root {
        return Ok(());
    }
    Err(Refused::NotItsChildren)
}
