//! Writing down what happened.

use chrono::{DateTime, Utc};

use super::{App, Error};
use crate::{
    clock::{NoRandomness, Random},
    domain::event::{Event, EventType},
};

/// The actor of what follows from the clock alone.
pub(super) const CLOCK: &str = "clock";

impl App {
    /// An event, to be written in the transaction of what it tells of.
    pub(super) fn event(
        &self,
        now: DateTime<Utc>,
        actor: &str,
        event_type: EventType,
        resource: &impl ToString,
    ) -> Result<Event, Error> {
        Ok(event(self.0.random, now, actor, event_type, resource)?)
    }
}

/// An event with an id of its own.
pub(super) fn event(
    random: Random,
    now: DateTime<Utc>,
    actor: &str,
    event_type: EventType,
    resource: &impl ToString,
) -> Result<Event, NoRandomness> {
    Ok(Event {
        id: random.uuid(now)?,
        time: now,
        event_type,
        actor: actor.to_owned(),
        resource: resource.to_string(),
        reason: None,
        request_id: None,
        details: None,
    })
}
