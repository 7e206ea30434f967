//! Which worker gets which run.
//!
//! Runs wait with the pool until a worker can start them, or will be able to by the time they have
//! crossed. Long ones go to as many workers as there are. Short ones go to as few as keep up: a message
//! costs as much as several of them, so a worker is filled before the next is woken. What is with a
//! worker that then stands still is taken back.

use super::batch::PoolBatch;
use super::ids::IdMap;
use super::member::{Outgoing, Phase};
use super::queue::{Head, PoolQueue};
use super::run::WORTH;
use super::state::PoolState;
use crate::port::Operation;
use std::time::{Duration, Instant};

/// [`WORTH`] for runs of no batch: somebody waits for each, and waking a worker takes no longer.
const WORTH_ALONE: Duration = Duration::from_micros(60);

impl PoolState {
    /// Gives out what waits, as far as workers have room for it.
    pub(super) fn spread(&mut self) {
        self.spread_at(Instant::now());
    }

    fn spread_at(&mut self, now: Instant) {
        let mut queue = std::mem::take(&mut self.queue);
        if !queue.is_empty() {
            // Those at work are filled before one is woken.
            for is_for_idle in [false, true] {
                for index in 0..self.members.len() {
                    let member = &self.members[index];
                    if member.takes_runs() && member.has_none() == is_for_idle {
                        self.give_runs(index, &mut queue, now);
                    }
                }
            }
        }
        self.queue = queue;
        self.forget_released();
    }

    /// What there is to send to a worker; until it has gone, the worker is given nothing.
    pub(super) fn take_frames(&mut self, index: usize) -> Vec<Outgoing> {
        let member = &mut self.members[index];
        let frames = member.take_frames();
        member.is_sending = !frames.is_empty();
        frames
    }

    fn give_runs(&mut self, index: usize, queue: &mut PoolQueue, now: Instant) {
        let mut others = IdMap::default();
        while let Some(mut run) = queue.take(|turn| self.is_for(index, turn, now, &mut others)) {
            run.time = run.program.time();
            let id = run.operation.batch;
            let share = self.share(index, id);
            let batch = self.batches.get_mut(&id);
            let options = batch.map(|batch| {
                if batch.is_held_back() {
                    batch.straggler = Some(run.number);
                }
                batch.options.clone()
            });
            let open = || {
                let open = Operation::OpenBatch {
                    id,
                    concurrency: usize::try_from(share).unwrap_or(usize::MAX),
                    options: options.unwrap_or_default(),
                };
                (share, open)
            };
            self.members[index].send(run, now, open);
        }
    }

    /// Whether the first run of a line should go to this worker; `known` are the others for each line.
    fn is_for(
        &self,
        index: usize,
        turn: Head<'_>,
        now: Instant,
        known: &mut IdMap<Others>,
    ) -> bool {
        let batch = turn.batch;
        let is_admitted = |batch: &PoolBatch| batch.admits(turn.first.number);
        if !self.batches.get(&batch).is_none_or(is_admitted) {
            return false;
        }
        let member = &self.members[index];
        let with_share = self.with_share(index, batch);
        let has_room = member.has_room(with_share);
        let worth = match batch {
            0 => WORTH_ALONE,
            _ => WORTH,
        };
        let is_short = turn.first.program.time() < worth;
        let has_room_for_short = is_short && member.has_room_for_short(with_share, worth);
        if !has_room && !has_room_for_short {
            return false;
        }
        let others = known
            .entry(batch)
            .or_insert_with(|| self.others(index, turn, worth, now));
        let load = member.load();
        if is_short {
            let is_lively = member.is_lively(now);
            if has_room_for_short && is_lively {
                return true;
            }
            let is_core_free = others.lively + usize::from(is_lively) < self.cores;
            if has_room_for_short && member.has_none() && others.to_fill == 0 && is_core_free {
                return true;
            }
            if others.lively + others.idle > 0 {
                // Never behind one that may be long at it, nor on one more than keep up.
                let is_left = !is_lively || !has_room || others.idle > 0 && is_core_free;
                return !is_left && others.lively_with_room.leave_to(load, turn.length);
            }
        }
        let has_slot = member.starts_at_once(with_share);
        has_room && others.leave_to(load, has_slot, turn.length)
    }

    /// The workers that could take runs of a line now, besides one.
    fn others(&self, index: usize, turn: Head<'_>, worth: Duration, now: Instant) -> Others {
        let batch = turn.batch;
        let mut others = Others::default();
        for (other, member) in self.members.iter().enumerate() {
            // Those that start will be ready.
            if other == index || matches!(member.phase, Phase::Gone | Phase::Failed) {
                continue;
            }
            let with_share = self.with_share(other, batch);
            let is_lively = member.may_run(with_share) && member.is_lively(now);
            let load = member.load();
            others.lively += usize::from(is_lively);
            if member.has_room_for_short(with_share, worth) {
                others.to_fill += usize::from(is_lively);
                others.idle += usize::from(member.has_none() && member.takes_runs());
            }
            if !member.is_sending && member.has_room(with_share) {
                others.with_room.add(load);
                if member.starts_at_once(with_share) {
                    others.with_slot.add(load);
                }
                if is_lively {
                    others.lively_with_room.add(load);
                }
            }
        }
        others
    }

    /// A batch with the share that a worker has in it; none for 0, which is none.
    fn with_share(&self, index: usize, batch: u64) -> Option<(u64, u64)> {
        (batch != 0).then(|| (batch, self.share(index, batch)))
    }

    /// How many runs of a batch may go on in a worker.
    fn share(&self, index: usize, batch: u64) -> u64 {
        let Some(batch) = self.batches.get(&batch) else {
            return 0;
        };
        let members = self.members.len();
        let share = batch.share(index, members);
        // Somebody has to run it when those cannot be had who should.
        let shares_are_lost =
            || (0..batch.concurrency).all(|other| self.members[other].phase == Phase::Failed);
        match share == 0 && shares_are_lost() {
            true => 1,
            false => share,
        }
    }

    /// The workers that have not started what an idle one could.
    fn overloaded(&self, index: usize) -> impl Iterator<Item = usize> {
        let idle = &self.members[index];
        let others = match idle.is_idle() {
            true => 0..self.members.len(),
            false => 0..0,
        };
        others.filter(move |&other| {
            let share = |batch| self.share(index, batch);
            other != index && self.members[other].could_give_to(idle, share)
        })
    }

    /// Asks those that are stalled to give back what they have not started and idle ones could. Returns
    /// whether any of them may be stalled later.
    pub(super) fn recall_stalled(&mut self) -> bool {
        for index in 0..self.members.len() {
            let overloaded: Vec<_> = self.overloaded(index).collect();
            for other in overloaded {
                let member = &mut self.members[other];
                if member.is_stalled() {
                    member.recall();
                }
            }
        }
        self.is_watched = self.may_stand_still();
        self.is_watched
    }

    /// Whether runs wait, here or with workers.
    pub(super) fn may_stand_still(&self) -> bool {
        !self.queue.is_empty() || self.members.iter().any(|member| member.unstarted() > 0)
    }
}

/// Workers that could take runs of a line now, besides one that looks at it.
#[derive(Default)]
struct Others {
    with_room: Workers,
    /// Those of them that have a slot for the next run.
    with_slot: Workers,
    /// Those of them that are at work on short runs.
    lively_with_room: Workers,
    /// How many are at work on short runs and will take this one, too, when they have room.
    lively: usize,
    /// Those of them for which a short run is no reason to wake another.
    to_fill: usize,
    /// How many have nothing to do.
    idle: usize,
}

#[derive(Default)]
struct Workers {
    count: usize,
    /// Runs that they have.
    load: usize,
}

impl Workers {
    fn add(&mut self, load: usize) {
        self.count += 1;
        self.load += load;
    }

    /// Whether one with so many runs has no more than its part of them all and of the line. Of those that
    /// this compares, the one with the fewest runs always has less.
    fn leave_to(&self, load: usize, line: usize) -> bool {
        load < (load + self.load + line).div_ceil(self.count + 1)
    }
}

impl Others {
    /// Whether they leave the next run to one with so many: when it has a slot if any of them has one,
    /// and no more than its part.
    fn leave_to(&self, load: usize, has_slot: bool, line: usize) -> bool {
        match has_slot {
            true => self.with_slot.leave_to(load, line),
            false => self.with_slot.count == 0 && self.with_room.leave_to(load, line),
        }
    }
}

#[cfg(test)]
mod tests;
