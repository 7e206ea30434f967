//! Which worker gets which run.
//!
//! Runs wait with the pool until a worker can start them, or will be able to by the time they have
//! crossed. A worker takes what it has room for whenever something may have changed, and leaves it to
//! others where these have less to do. What is with a worker that then stands still is taken back.

use super::batch::PoolBatch;
use super::member::{Outgoing, Phase};
use super::state::State;
use crate::transport::Operation;
use std::collections::HashMap;

impl State {
    /// What there is to send to a worker, with as many runs as it has room for; and whether others
    /// should look whether there is something for them now.
    pub(super) fn next_frames(&mut self, index: usize) -> (Vec<Outgoing>, bool) {
        let has_taken = self.members[index].phase == Phase::Up && self.give_runs(index);
        self.forget_released();
        let member = &mut self.members[index];
        let frames = member.take_frames();
        member.is_sending = !frames.is_empty();
        let is_for_others = has_taken
            && !self.queue.is_empty()
            && self.members.iter().any(|member| member.has_deferred);
        (frames, is_for_others)
    }

    /// Answers whether there were any.
    fn give_runs(&mut self, index: usize) -> bool {
        let up = self.members.iter().filter(|m| m.phase == Phase::Up).count();
        let mut queue = std::mem::take(&mut self.queue);
        let mut others = HashMap::new();
        let mut has_taken = false;
        self.members[index].has_deferred = false;
        // The others want some, too.
        for _ in 0..queue.len().div_ceil(up) {
            let member = &self.members[index];
            let mut has_deferred = false;
            let taken = queue.take(|turn| {
                let batch = turn.batch;
                let is_admitted = |batch: &PoolBatch| batch.admits(turn.first);
                let may_have = self.batches.get(&batch).is_none_or(is_admitted)
                    && self.has_room_for(index, batch);
                if !may_have {
                    return false;
                }
                let others = others.entry(batch);
                let others = others.or_insert_with(|| self.others(index, batch));
                let has_slot = member.starts_at_once(self.with_share(index, batch));
                let is_mine = others.leave_to(member.load(), has_slot, turn.length);
                has_deferred |= !is_mine;
                is_mine
            });
            let member = &mut self.members[index];
            member.has_deferred |= has_deferred;
            let Some(run) = taken else {
                break;
            };
            has_taken = true;
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
            self.members[index].send(run, open);
        }
        self.queue = queue;
        has_taken
    }

    /// The workers that could take runs of a batch now, besides one.
    fn others(&self, index: usize, batch: u64) -> Others {
        let mut others = Others::default();
        for (other, member) in self.members.iter().enumerate() {
            let with_share = self.with_share(other, batch);
            let is_ready = match member.phase {
                // It will be.
                Phase::Starting => true,
                Phase::Up => !member.is_sending,
                Phase::Gone | Phase::Failed => false,
            };
            if other != index && is_ready && self.has_room_for(other, batch) {
                others.with_room.add(member.load());
                if member.starts_at_once(with_share) {
                    others.with_slot.add(member.load());
                }
            }
        }
        others
    }

    /// A batch with the share that a worker has in it; none for 0, which is none.
    fn with_share(&self, index: usize, batch: u64) -> Option<(u64, u64)> {
        (batch != 0).then(|| (batch, self.share(index, batch)))
    }

    /// Whether a worker has room for a run of this batch, or with 0 of none.
    fn has_room_for(&self, index: usize, batch: u64) -> bool {
        self.members[index].has_room(self.with_share(index, batch))
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

    /// All frames have gone; answers whether the worker has nothing to do that another could give it.
    pub(super) fn could_help(&mut self, index: usize) -> bool {
        self.members[index].is_sending = false;
        self.overloaded(index).next().is_some()
    }

    /// Asks those that stand still to give back what they have not started.
    pub(super) fn recall_for(&mut self, index: usize) {
        let overloaded: Vec<_> = self.overloaded(index).collect();
        for other in overloaded {
            let member = &mut self.members[other];
            if member.stands_still() {
                member.recall();
            }
        }
    }
}

/// Workers that could take runs of a line now, besides one that looks at it.
#[derive(Default)]
struct Others {
    with_room: Workers,
    /// Those of them that have a slot for the next run.
    with_slot: Workers,
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
}

impl Others {
    /// Whether they leave the next run to one with so many: when it has no more than its part of them
    /// all and of the line, and a slot if any of them has one. Of those that this compares, the one with
    /// the fewest runs always gets it.
    fn leave_to(&self, load: usize, has_slot: bool, line: usize) -> bool {
        let others = match has_slot {
            true => &self.with_slot,
            false if self.with_slot.count > 0 => return false,
            false => &self.with_room,
        };
        load < (load + others.load + line).div_ceil(others.count + 1)
    }
}
