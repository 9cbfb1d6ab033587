//! Runs the commands of a request in their order.
//!
//! Several commands wait for a majority together. No response confirms what a failover rolls back:
//!
//! 1. A majority has the claims of all commands before the first change. So every change has its claim, whatever fails.
//! 2. The changes are written to one primary. [`Deferred`](crate::mongo::deferred) says why a majority has all of them after
//!    it has the last one, and when it cannot know.
//! 3. The commands read the documents from the same primary, so the confirmation includes what they have seen: a command
//!    that fails, or has nothing to change, is confirmed too.
//! 4. The results are stored after that, and then sent. So a stored result always reports a change that exists.
//!
//! If the primary changes in between, the request fails, and the client repeats it. Commands whose results are stored are
//! answered from there. The others run again on what the new primary has: see [`super::commands`].
//!
//! To run some commands of a sequence again must not differ from running each of them once. For example, after `undo`, `undo`
//! of one todo, the first would take a third step back. So the results of all earlier commands are stored before a command
//! with the same target as one of them, and before a command that changes other objects, too.

use std::sync::Arc;

use bson::oid::ObjectId;
use serde_json::value::RawValue;

use super::commands::{Action, Command};
use super::wire::{self, RESULTS_BYTES_MAX};
use crate::error::{Error, Violation};
use crate::http::admission::Slot;
use crate::idempotency::claims::{Claimed, Claims};
use crate::idempotency::scope::Scope;
use crate::idempotency::store::{Attempt, Idempotency, Kept};
use crate::owned::update::Timing;
use crate::workspace::{Workspace, Workspaces};

// One command alone waits as often either way.
const TOGETHER_MIN: usize = 2;
// A crash leaves the results of at most so many commands unstored. Those with `if_version` then fail when they are repeated,
// although they were applied.
const SETTLED_AFTER: usize = 25;

pub struct Batch<'a> {
    pub workspaces: &'a Arc<Workspaces>,
    pub idempotency: &'a Idempotency,
    pub caller: ObjectId,
    pub slot: Option<Slot>,
}

struct Answer {
    attempt: Attempt,
    response: String,
    /// What a repetition of the command gets, unless its id belongs to another command.
    stored: Option<String>,
}

impl Batch<'_> {
    pub async fn results_of(&self, commands: Vec<Command>) -> Result<Vec<Box<RawValue>>, Error> {
        let claims = if commands.len() < TOGETHER_MIN {
            None
        } else {
            let attempts: Vec<_> = commands.iter().map(|command| &command.attempt).collect();
            self.idempotency.claim_all(Scope::Sync(self.caller), &attempts).await?
        };
        let results = match claims {
            Some(claims) => self.together(claims, commands).await?,
            None => self.one_by_one(commands).await?,
        };
        results.into_iter().map(|result| RawValue::from_string(result).map_err(Error::internal)).collect()
    }

    async fn together(&self, mut claims: Claims<'_>, commands: Vec<Command>) -> Result<Vec<String>, Error> {
        let request = self.workspaces.of(self.caller);
        let (mut answers, mut room) = (Vec::with_capacity(commands.len()), RESULTS_BYTES_MAX);
        for command in commands {
            let answered = async {
                self.turn(&request).await?;
                self.answer(&mut claims, command, room).await
            };
            let answer = match answered.await {
                Ok(answer) => answer,
                Err(error) => {
                    // A repetition continues here, so that even the slowest commands come to an end.
                    let may_settle =
                        !matches!(error, Error::Unavailable(_)) || request.assert_in_time().is_err();
                    if may_settle && let Err(error) = claims.settle().await {
                        tracing::debug!(%error, "the results of a failed batch are not stored");
                    }
                    return Err(error);
                }
            };
            room = room.saturating_sub(answer.response.len());
            answers.push(answer);
        }
        claims.settle().await?;
        let result = |Answer { attempt, response, stored }: Answer| match claims.first(&attempt) {
            // Another request with this command was faster.
            Some(first) if stored.is_some_and(|stored| stored != first) => first.to_owned(),
            _ => response,
        };
        Ok(answers.into_iter().map(result).collect())
    }

    async fn answer(
        &self,
        claims: &mut Claims<'_>,
        Command { attempt, action }: Command,
        room: usize,
    ) -> Result<Answer, Error> {
        let target = match claims.of(&attempt) {
            Ok(Claimed::New(target)) => target,
            Ok(Claimed::Answered(response)) => {
                return Ok(Answer { attempt, stored: Some(response.clone()), response });
            }
            Err(error @ Error::IdempotencyKeyReused) => {
                let response = wire::result(&attempt.key, &Err(error), room)?.response;
                return Ok(Answer { attempt, response, stored: None });
            }
            Err(error) => return Err(error),
        };
        let (deferred, about) = (claims.deferred().clone(), action.as_ref().ok().map(Action::target));
        if deferred.unstored() >= SETTLED_AFTER || about.is_some_and(|about| deferred.has_unstored(about)) {
            deferred.settle().await?;
        }
        let workspace = self.workspaces.of(self.caller).on_behalf_of(target).deferring(deferred);
        let Kept { response, stored } = apply(action, &workspace, &attempt.key, room).await?;
        claims.answer(&attempt, about, stored.clone());
        Ok(Answer { attempt, response, stored: Some(stored) })
    }

    async fn one_by_one(&self, commands: Vec<Command>) -> Result<Vec<String>, Error> {
        let request = self.workspaces.of(self.caller);
        let (mut results, mut room) = (Vec::with_capacity(commands.len()), RESULTS_BYTES_MAX);
        for Command { attempt, action } in commands {
            self.turn(&request).await?;
            let apply = async |target| {
                let workspace = self.workspaces.of(self.caller).on_behalf_of(target);
                apply(action, &workspace, &attempt.key, room).await
            };
            let scope = Scope::Sync(self.caller);
            let result = match self.idempotency.once_keeping(scope, &attempt, apply).await {
                Err(error @ Error::IdempotencyKeyReused) => {
                    wire::result(&attempt.key, &Err(error), room)?.response
                }
                outcome => outcome?.response,
            };
            room = room.saturating_sub(result.len());
            results.push(result);
        }
        Ok(results)
    }

    async fn turn(&self, request: &Workspace) -> Result<(), Error> {
        if let Some(slot) = &self.slot {
            slot.give_way().await?;
        }
        // Past the deadline the client has a 503, and repeats the commands.
        request.assert_in_time()
    }
}

async fn apply(
    action: Result<Action, Vec<Violation>>,
    workspace: &Workspace,
    id: &str,
    room: usize,
) -> Result<Kept<String>, Error> {
    let applied = match action {
        Ok(action) => action.apply(workspace).await,
        Err(violations) => Err(Error::Invalid(violations)),
    };
    match applied {
        // An error that may pass is no result: it fails the whole request, so that the client repeats the command.
        Err(error @ (Error::Unavailable(_) | Error::Throttled { .. } | Error::Token(_))) => Err(error),
        applied => wire::result(id, &applied, room),
    }
}
