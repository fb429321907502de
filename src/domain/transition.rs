//! How a state changes: into another one, not at all, or never.

/// What a permitted command does to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition<S> {
    /// It becomes this: a change, with an event.
    To(S),
    /// It already is what the command wants: the same answer, and no event.
    Already(S),
}

/// The present state does not allow the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateForbids {
    /// The present state, as the API names it.
    pub state: &'static str,
}
