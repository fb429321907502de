//! Writing down what happened.

use chrono::{DateTime, Utc};

use super::{App, Error};
use crate::domain::event::{Event, EventType};

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
        Ok(Event {
            id: self.0.random.uuid(now)?,
            time: now,
            event_type,
            actor: actor.to_owned(),
            resource: resource.to_string(),
            reason: None,
            request_id: None,
            details: None,
        })
    }
}
