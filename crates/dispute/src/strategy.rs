//! What an honest player does: a pure function from the game and the truth to moves.
//!
//! It defends the true claim and nothing else, wherever that claim has a rival. Moves that others made are not made again, so honest
//! players may act side by side, one after the other, or stop and start anywhere.

use alloc::{boxed::Box, rc::Rc, vec::Vec};

use crate::{Claim, Game, History, Move, Rules};
use alloy_primitives::B256;

/// The true course of the computation.
pub trait Truth: Rules {
    /// Why a history cannot be had.
    type Error;

    /// The history of all strides of `level` from the true state `start`.
    fn history(&mut self, level: u32, start: B256) -> Result<Rc<History>, Self::Error>;
}

/// The moves that can be made now, in an order in which all of them are valid, against rivals of the true claim from `start`.
///
/// Fails when a history that is needed cannot be had: no move is better than a wrong one.
pub fn moves<T: Truth>(game: &Game, start: B256, truth: &mut T) -> Result<Vec<Move>, T::Error> {
    let mut moves = Vec::new();
    let root = truth.history(0, start)?;
    let claim = whole(&root, start);
    if game.has(&claim) {
        defend(game, truth, &root, claim, &mut Vec::new(), &mut moves)?;
    } else {
        moves.push(Move::Enter(claim));
    }
    Ok(moves)
}

/// The claim on a whole history.
pub fn whole(history: &History, start: B256) -> Claim {
    let (end, root) = history.claim();
    Claim { level: history.level(), height: history.height(), start, end, root }
}

/// Moves for the claim at `path` in `history`, and for what stands below it.
fn defend<T: Truth>(
    game: &Game,
    truth: &mut T,
    history: &Rc<History>,
    claim: Claim,
    path: &mut Vec<u8>,
    moves: &mut Vec<Move>,
) -> Result<(), T::Error> {
    if game.rivals(&claim).next().is_none() || game.is_proven(&claim) {
        return Ok(());
    }
    let Some(children) = history.open(path) else { return at_stride(game, truth, claim, moves) };
    if !game.is_open(&claim) {
        add(moves, Move::Open(claim, Box::new(children)));
        return Ok(());
    }
    // one move may point at a child that the next one would point at too
    let mut pointed = Vec::new();
    for rival in game.rivals(&claim) {
        let Some(theirs) = game.opening(rival) else { continue };
        let Some(at) = crate::first_difference(&children, theirs) else { continue };
        let pair = [(claim, claim.child(&children, at)), (*rival, rival.child(theirs, at))];
        let known = |(parent, child): &(Claim, Claim)| {
            pointed.contains(&(*parent, *child)) || game.rivalled_children(parent).any(|known| known == child)
        };
        if !pair.iter().all(known) {
            add(moves, Move::Rival(claim, *rival));
            pointed.extend(pair);
        }
    }
    for at in 0..children.len() {
        let child = claim.child(&children, at);
        if game.rivalled_children(&claim).any(|known| *known == child) {
            path.push(at as u8);
            defend(game, truth, history, child, path, moves)?;
            path.pop();
        }
    }
    Ok(())
}

/// Moves for a single stride that has a rival.
fn at_stride<T: Truth>(
    game: &Game,
    truth: &mut T,
    leaf: Claim,
    moves: &mut Vec<Move>,
) -> Result<(), T::Error> {
    if game.height(leaf.level + 1).is_none() {
        add(moves, Move::Prove(leaf));
        return Ok(());
    }
    let Some(start) = truth.down(leaf.level, leaf.start) else { return Ok(()) };
    let history = truth.history(leaf.level + 1, start)?;
    let claim = whole(&history, start);
    if game.refinements(&leaf).any(|known| *known == claim) {
        return defend(game, truth, &history, claim, &mut Vec::new(), moves);
    }
    add(moves, Move::Refine { leaf, claim });
    Ok(())
}

/// Different claims may have the same child, which is defended once.
fn add(moves: &mut Vec<Move>, found: Move) {
    if !moves.contains(&found) {
        moves.push(found);
    }
}
