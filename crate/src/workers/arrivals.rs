//! Handles what workers send.

use super::frame::{Frame, Kind};
use super::member::{Member, Phase};
use super::run::PoolRun;
use super::state::{PoolDeferred, PoolState};
use crate::port::{Delivery, Record, RecordKind};
use std::sync::mpsc::Sender;

/// The receiver of a record.
enum Accepted {
    ForSubmitter,
    ForThread(Sender<Delivery>),
    /// The record is for the pool itself: the run has to be sent again.
    Returned(PoolRun),
}

/// What is left to do with a delivery when the lock is free.
#[derive(Default)]
pub(super) struct Received {
    pub(super) delivery: Delivery,
    pub(super) answers: Vec<(Sender<Delivery>, Delivery)>,
    pub(super) deferred: PoolDeferred,
    /// The worker can no longer be trusted.
    pub(super) is_damaged: bool,
}

impl PoolState {
    /// Handles a frame from a worker, up to the first record that an intact worker would not send.
    pub(super) fn arrived(&mut self, index: usize, frame: Frame) -> Received {
        let mut received = Received::default();
        let Ok(records) = Record::all(&frame.numbers, &frame.bytes) else {
            received.is_damaged = true;
            return received;
        };
        let mut returned = Vec::new();
        // Usually all records are for the submitter, and the frame is passed on as it came.
        let mut others = None;
        for (at, record) in records.iter().enumerate() {
            let is_for_submitter = match self.accept(index, record) {
                Some(Accepted::ForSubmitter) => true,
                Some(Accepted::ForThread(sender)) => {
                    received.answers.push((sender, record.alone()));
                    false
                }
                Some(Accepted::Returned(run)) => {
                    returned.push(run);
                    false
                }
                None => {
                    received.is_damaged = true;
                    false
                }
            };
            if !is_for_submitter && others.is_none() {
                let mut before = Delivery::default();
                records[..at].iter().for_each(|r| r.append_to(&mut before));
                others = Some(before);
            } else if let (true, Some(others)) = (is_for_submitter, &mut others) {
                record.append_to(others);
            }
            if received.is_damaged {
                break;
            }
        }
        received.delivery = others.unwrap_or_else(|| Delivery {
            records: frame.numbers,
            bytes: frame.bytes.into(),
        });
        let returns = returned.len() as u64;
        for run in returned {
            match run.aborted || self.closed {
                true => received.deferred.aborted.push(run.operation.id),
                false => self.queue.add(run),
            }
        }
        let is_more = !self.queue.is_empty();
        let member = &mut self.members[index];
        if frame.kind == Kind::Recalled {
            member.recalled();
        }
        member.progress(frame.started, returns, is_more);
        if member.phase == Phase::Starting {
            member.phase = Phase::Up;
        }
        received
    }

    /// Returns `None` if the record names a run that this worker does not have.
    fn accept(&mut self, index: usize, record: &Record<'_>) -> Option<Accepted> {
        let member = &mut self.members[index];
        match record.kind {
            RecordKind::Piped => {
                let run = member.run(record.id)?;
                let waiting = self.waiting.get(&record.id);
                run.operation.piped.then(|| match waiting {
                    Some(sender) => Accepted::ForThread(sender.clone()),
                    None => Accepted::ForSubmitter,
                })
            }
            RecordKind::Memory => self.take_access(record.id, index).map(Accepted::ForThread),
            RecordKind::Returned => {
                let run = member.take(record.id, 0)?;
                if let Some(batch) = self.batches.get_mut(&run.operation.batch) {
                    batch.back(run.number);
                }
                Some(Accepted::Returned(run))
            }
            RecordKind::End => {
                let kept = record.kept();
                let run = member.take(record.id, kept)?;
                self.finished += 1;
                // How long an aborted run would have taken is not known.
                if !record.is_abort() {
                    run.program.has_taken(record.wall_time(), kept);
                }
                self.count_end(&run, kept);
                Some(match self.waiting.remove(&record.id) {
                    Some(sender) => Accepted::ForThread(sender),
                    None => Accepted::ForSubmitter,
                })
            }
        }
    }

    /// Counts the output of a run that has ended. When the unread output of its batch becomes too much, runs
    /// of the batch that have not started are recalled.
    fn count_end(&mut self, run: &PoolRun, output: u64) {
        let id = run.operation.batch;
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let was_held_back = batch.is_held_back();
        batch.unread += output;
        batch.newest = batch.newest.max(run.number);
        batch.back(run.number);
        if !was_held_back && batch.is_held_back() {
            let members = self.members.iter_mut();
            members
                .filter(|m| m.may_hold_back(id))
                .for_each(Member::recall);
        }
    }
}
