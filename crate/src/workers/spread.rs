//! Which worker gets which run.
//!
//! Runs wait in the pool until a worker can start them, or will be able to when they arrive. Long runs go to
//! all workers. Short runs go to as few workers as keep up: a message costs as much as several short runs, so
//! a worker is filled before the next is woken. Runs are taken back from a worker that then stalls.

use super::batch::PoolBatch;
use super::ids::IdMap;
use super::member::{Outgoing, Phase};
use super::queue::{Head, PoolQueue};
use super::run::WORTH;
use super::state::PoolState;
use crate::port::Operation;
use std::time::{Duration, Instant};

/// [`WORTH`] for runs outside of a batch. A caller waits for each of these, and waking a worker takes about
/// this time.
const WORTH_ALONE: Duration = Duration::from_micros(60);

impl PoolState {
    /// Hands out waiting runs, as far as workers have room.
    pub(super) fn spread(&mut self) {
        self.spread_at(Instant::now());
    }

    fn spread_at(&mut self, now: Instant) {
        let mut queue = std::mem::take(&mut self.queue);
        if !queue.is_empty() {
            // Workers with runs are filled before an idle one is woken.
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

    /// Takes the frames for a worker. Until they are written, the worker gets no runs.
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

    /// Whether the first run of a line should go to this worker. `known` caches the other workers per line.
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
                // A short run does not go behind a run that may be long, nor to an idle worker that is not needed.
                let is_left = !is_lively || !has_room || others.idle > 0 && is_core_free;
                return !is_left && others.lively_with_room.leave_to(load, turn.length);
            }
        }
        let has_slot = member.starts_at_once(with_share);
        has_room && others.leave_to(load, has_slot, turn.length)
    }

    /// The workers other than `index` that could take runs of a line now.
    fn others(&self, index: usize, turn: Head<'_>, worth: Duration, now: Instant) -> Others {
        let batch = turn.batch;
        let mut others = Others::default();
        for (other, member) in self.members.iter().enumerate() {
            let with_share = self.with_share(other, batch);
            // A worker that is starting counts, because it will be ready soon.
            let has_seat = match member.phase {
                _ if other == index => continue,
                Phase::Failed => continue,
                // The one that comes in its place.
                Phase::Gone => member.may_run(with_share),
                Phase::Starting | Phase::Up => member.has_seat(with_share),
            };
            others.with_seat += usize::from(has_seat);
            if member.phase == Phase::Gone {
                continue;
            }
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

    /// A batch and a worker's share in it; `None` for 0, which means no batch.
    fn with_share(&self, index: usize, batch: u64) -> Option<(u64, u64)> {
        (batch != 0).then(|| (batch, self.share(index, batch)))
    }

    /// How many runs of a batch may be in progress in a worker.
    fn share(&self, index: usize, batch: u64) -> u64 {
        let Some(batch) = self.batches.get(&batch) else {
            return 0;
        };
        let members = self.members.len();
        let share = batch.share(index, members);
        // When all workers with a share have failed, another one has to take the runs.
        let shares_are_lost =
            || (0..batch.concurrency).all(|other| self.members[other].phase == Phase::Failed);
        match share == 0 && shares_are_lost() {
            true => 1,
            false => share,
        }
    }

    /// The workers that have unstarted runs which worker `index`, if idle, could start.
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

    /// Recalls runs from stalled workers, if idle workers could start them. Returns whether workers may be
    /// stalled later.
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

    /// Whether runs wait, in the pool or in workers.
    pub(super) fn may_stand_still(&self) -> bool {
        !self.queue.is_empty() || self.members.iter().any(|member| member.unstarted() > 0)
    }
}

/// The other workers that could take runs of a line now.
#[derive(Default)]
struct Others {
    with_room: Workers,
    /// Those with room that have a slot for the next run.
    with_slot: Workers,
    /// How many could start the next run, now or as soon as they take runs again.
    with_seat: usize,
    /// Those with room that are at work on short runs.
    lively_with_room: Workers,
    /// How many are at work on short runs, with room or without.
    lively: usize,
    /// How many of the lively workers have so little work that they are filled before another is woken.
    to_fill: usize,
    /// How many have no runs.
    idle: usize,
}

#[derive(Default)]
struct Workers {
    count: usize,
    /// The number of runs that they have.
    load: usize,
}

impl Workers {
    fn add(&mut self, load: usize) {
        self.count += 1;
        self.load += load;
    }

    /// Whether a worker with `load` runs has less than its fair share of all runs and of the line. The worker
    /// with the fewest runs always qualifies.
    fn leave_to(&self, load: usize, line: usize) -> bool {
        load < (load + self.load + line).div_ceil(self.count + 1)
    }
}

impl Others {
    /// Whether the next run is left to a worker with `load` runs: it has less than its fair share, and a slot
    /// if any worker has one. Behind other runs it may wait for ever, while the worker with a seat starts later ones.
    fn leave_to(&self, load: usize, has_slot: bool, line: usize) -> bool {
        match has_slot {
            true => self.with_slot.leave_to(load, line),
            false => self.with_seat == 0 && self.with_room.leave_to(load, line),
        }
    }
}

#[cfg(test)]
mod tests;
