//! What comes in on a stream of `ReconcileMembers`, and what is found.

use std::collections::VecDeque;

use tokio::sync::mpsc::Sender;
use tonic::{Status, Streaming};

use super::{
    parse,
    proto::v1,
    provider_service::MAX_MESSAGE_BYTES,
    render,
    streams::{self, Gone},
};
use crate::{
    app::{
        App, Error,
        reconcile_members::{ProviderMember, Reconciliation},
    },
    domain::{
        name::{EnrollmentName, OfferName},
        violation::{Rule, Violations},
    },
};

/// The most members in a message.
const MAX_MEMBERS: usize = 1_000;

type Answer = Result<v1::ReconcileMembersResponse, Status>;

/// Why it does not go on.
enum Stopped {
    /// Nobody reads any more.
    Gone,
    /// The caller is to be told.
    Failed(Status),
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Status> for Stopped {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Compares until the caller half-closes the stream, and then what is left.
pub(super) async fn reconcile(
    app: App,
    stream: Streaming<v1::ReconcileMembersRequest>,
    answers: Sender<Answer>,
) {
    if let Err(Stopped::Failed(status)) = compare_all(&app, stream, &answers).await {
        let _ = streams::tell(&answers, Err(status)).await;
    }
}

async fn compare_all(
    app: &App,
    mut stream: Streaming<v1::ReconcileMembersRequest>,
    answers: &Sender<Answer>,
) -> Result<(), Stopped> {
    let tell = async |response| streams::tell(answers, Ok(response)).await;
    let mut reconciliation = None;
    while let Some(message) = streams::next(&mut stream, MAX_MESSAGE_BYTES).await? {
        let known = reconciliation.as_ref().map(Reconciliation::offer);
        let (offer, members) = parse_message(message, known)?;
        if reconciliation.is_none() {
            reconciliation = Some(app.begin_reconciliation(&offer).await?);
        }
        let Some(reconciliation) = &mut reconciliation else {
            return Ok(());
        };
        if !reconciliation.follows(&members) {
            return Err(out_of_order().into());
        }
        let mut members = VecDeque::from(members);
        loop {
            let found = reconciliation.compare(&mut members).await?;
            tell(render::findings(found, None)).await?;
            if members.is_empty() {
                break;
            }
        }
    }
    let Some(mut reconciliation) = reconciliation else {
        // Nobody said of whom.
        parse_message(v1::ReconcileMembersRequest::default(), None)?;
        return Ok(());
    };
    loop {
        let found = reconciliation.rest().await?;
        if found.is_empty() {
            break;
        }
        tell(render::findings(found, None)).await?;
    }
    Ok(tell(render::findings(Vec::new(), Some(reconciliation.totals()))).await?)
}

fn out_of_order() -> Error {
    let mut violations = Violations::default();
    let rule = Rule("must come in ascending order of their names, each once");
    violations.note("members", rule);
    Error::Invalid(violations.finish(None::<()>).err().unwrap_or_default())
}

fn parse_message(
    message: v1::ReconcileMembersRequest,
    known: Option<&OfferName>,
) -> Result<(OfferName, Vec<ProviderMember>), Error> {
    let mut violations = Violations::default();
    let offer = match known {
        Some(known) if message.parent.is_empty() => Ok(known.clone()),
        Some(known) => OfferName::parse(&message.parent).and_then(|offer| {
            let same = offer == *known;
            same.then_some(offer).ok_or(Rule("must stay the same"))
        }),
        None => OfferName::parse(&message.parent),
    };
    let offer = violations.check("parent", offer);
    if message.members.len() > MAX_MEMBERS {
        violations.note("members", Rule("must have 1000 entries at most"));
    }
    let count = message.members.len();
    let mut members = Vec::with_capacity(count);
    for (index, member) in message.members.into_iter().enumerate() {
        let path = |field: &str| format!("members[{index}].{field}");
        let name = EnrollmentName::parse(&member.enrollment).and_then(|name| {
            let own = offer.as_ref().is_none_or(|offer| name.parent == *offer);
            own.then_some(name).ok_or(Rule("must be of the parent"))
        });
        let name = violations.check(path("enrollment"), name);
        let mut day = |field, date: Option<_>| {
            let day = date
                .as_ref()
                .map(|date| parse::date(Some(date)))
                .transpose();
            violations.check(path(field), day)
        };
        let start = day("term_start_date", member.term_start_date);
        let end = day("term_end_date", member.term_end_date);
        let parsed = || {
            Some(ProviderMember {
                enrollment: name?.enrollment,
                term_start: start?,
                term_end: end?,
            })
        };
        members.extend(parsed());
    }
    let parsed = offer.filter(|_| members.len() == count);
    let offer = parse::finish(violations, parsed)?;
    Ok((offer, members))
}
