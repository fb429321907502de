//! `ReconcileMembers`: the provider's list of members against the memberships that run here. Both are read once, in
//! the order of their ids, so that neither has to fit into memory.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{App, Error, find};
use crate::{
    domain::{
        enrollment::{
            Enrollment, Status,
            filter::{Filter, State},
        },
        name::{EnrollmentName, OfferName},
        offer::Offer,
    },
    storage::{
        Row,
        enrollment::find_many,
        enrollment_list::{Listed, list_without_cohorts},
    },
};

/// How many enrollments are read at a time.
const PAGE: u64 = 2_000;

/// How many findings are told at a time.
const FINDINGS: usize = 1_000;

/// A member as the provider has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderMember {
    /// Id of the enrollment.
    pub enrollment: Uuid,
    /// First day of the cover, if the provider says so.
    pub term_start: Option<NaiveDate>,
    /// The day after the last one of the cover, if the provider says so.
    pub term_end: Option<NaiveDate>,
}

impl ProviderMember {
    /// Whether what the provider says of the term is what is on record.
    fn agrees_with(&self, own: &Enrollment) -> bool {
        let agrees = |theirs: Option<NaiveDate>, ours| theirs.is_none_or(|day| Some(day) == ours);
        agrees(self.term_start, own.term.map(|term| term.start))
            && agrees(self.term_end, own.term.map(|term| term.end))
    }
}

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The enrollment.
    pub name: EnrollmentName,
    /// What is the matter.
    pub kind: FindingKind,
    /// What is on record here; `None` when nothing is.
    pub own: Option<Enrollment>,
}

/// What is the matter with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// The membership runs here, and is not on the provider's list.
    MissingThere,
    /// It is on the provider's list, and the offer has no such enrollment.
    MissingHere,
    /// It is on the provider's list, and does not run here.
    NotActive,
    /// It is on both, with another term.
    TermDiffers,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// On the provider's list.
    pub listed: i64,
    /// Running here.
    pub active: i64,
    /// On both, with the same term.
    pub agreed: i64,
    /// Findings of each kind.
    pub missing_there: i64,
    /// Findings of each kind.
    pub missing_here: i64,
    /// Findings of each kind.
    pub not_active: i64,
    /// Findings of each kind.
    pub term_differs: i64,
}

/// A comparison that is under way.
#[derive(Debug)]
pub struct Reconciliation {
    app: App,
    offer: Row<Offer>,
    /// As of when memberships run.
    time: DateTime<Utc>,
    /// Memberships that run here, read and not compared yet.
    own: VecDeque<Enrollment>,
    /// After which id the next ones are read; `None` when there are no others.
    next: Option<Uuid>,
    /// The last member that came.
    last: Uuid,
    /// Members who were not found to run here, and are still to be looked up.
    asked: Vec<ProviderMember>,
    totals: Totals,
}

impl App {
    /// Begins to compare an offer's memberships as they run now.
    pub async fn begin_reconciliation(&self, offer: &OfferName) -> Result<Reconciliation, Error> {
        Ok(Reconciliation {
            offer: find::offer(self.0.store.reader(), offer).await?,
            app: self.clone(),
            time: self.now(),
            own: VecDeque::new(),
            next: Some(Uuid::nil()),
            last: Uuid::nil(),
            asked: Vec::new(),
            totals: Totals::default(),
        })
    }
}

impl Reconciliation {
    /// The offer.
    pub fn offer(&self) -> &OfferName {
        &self.offer.value.name
    }

    /// Whether these come in ascending order, after those that came before.
    pub fn follows(&self, members: &[ProviderMember]) -> bool {
        let ids = members.iter().map(|member| member.enrollment);
        let before = std::iter::once(self.last).chain(ids.clone());
        before.zip(ids).all(|(one, next)| one < next)
    }

    /// Compares members until enough was found, or none are left; takes them off. Says what was found, in their
    /// order.
    pub async fn compare(
        &mut self,
        members: &mut VecDeque<ProviderMember>,
    ) -> Result<Vec<Finding>, Error> {
        let mut found = Vec::new();
        while let Some(member) = members.front().copied() {
            if found.len() >= FINDINGS {
                break;
            }
            let Some(own) = self.first().await? else {
                self.not_active(member, &mut found);
                members.pop_front();
                continue;
            };
            match own.name.enrollment.cmp(&member.enrollment) {
                Ordering::Less => self.missing_there(&mut found),
                Ordering::Equal => {
                    self.both(member, &mut found);
                    members.pop_front();
                }
                Ordering::Greater => {
                    self.not_active(member, &mut found);
                    members.pop_front();
                }
            }
        }
        self.look_up(&mut found).await?;
        Ok(found)
    }

    /// The same for what is left here when no more members come; empty when nothing is left.
    pub async fn rest(&mut self) -> Result<Vec<Finding>, Error> {
        let mut found = Vec::new();
        while found.len() < FINDINGS && self.first().await?.is_some() {
            self.missing_there(&mut found);
        }
        Ok(found)
    }

    /// What was compared, and as of when.
    pub fn totals(&self) -> (Totals, DateTime<Utc>) {
        (self.totals, self.time)
    }

    /// The first membership here that was not compared yet.
    async fn first(&mut self) -> Result<Option<&Enrollment>, Error> {
        while self.own.is_empty() {
            let Some(after) = self.next else {
                return Ok(None);
            };
            let db = self.app.0.store.reader();
            let today = self.offer.value.date_at(self.time);
            let active = Filter::State(State::Active);
            let page = list_without_cohorts(db, &self.offer, &active, today, after, PAGE);
            let Listed { enrollments, next } = page.await?;
            self.own = enrollments.into();
            self.next = next;
        }
        Ok(self.own.front())
    }

    fn missing_there(&mut self, found: &mut Vec<Finding>) {
        if let Some(own) = self.own.pop_front() {
            self.totals.active += 1;
            self.totals.missing_there += 1;
            found.push(Finding {
                name: own.name.clone(),
                kind: FindingKind::MissingThere,
                own: Some(own),
            });
        }
    }

    fn both(&mut self, member: ProviderMember, found: &mut Vec<Finding>) {
        let Some(own) = self.own.pop_front() else {
            return;
        };
        self.listed(member);
        self.totals.active += 1;
        if member.agrees_with(&own) {
            self.totals.agreed += 1;
            return;
        }
        self.totals.term_differs += 1;
        found.push(Finding {
            name: own.name.clone(),
            kind: FindingKind::TermDiffers,
            own: Some(own),
        });
    }

    /// Whether it is here at all is looked up later, for many at once.
    fn not_active(&mut self, member: ProviderMember, found: &mut Vec<Finding>) {
        self.listed(member);
        self.asked.push(member);
        found.push(Finding {
            name: EnrollmentName {
                parent: self.offer.value.name.clone(),
                enrollment: member.enrollment,
            },
            kind: FindingKind::NotActive,
            own: None,
        });
    }

    fn listed(&mut self, member: ProviderMember) {
        self.totals.listed += 1;
        self.last = member.enrollment;
    }

    /// Finds out of those who were not found to run here what they are.
    async fn look_up(&mut self, found: &mut Vec<Finding>) -> Result<(), Error> {
        let asked = mem::take(&mut self.asked);
        let ids = asked.iter().map(|member| member.enrollment);
        let ids = ids.collect::<Vec<_>>();
        let offers = BTreeMap::from([(self.offer.id, self.offer.value.name.clone())]);
        let own = find_many(self.app.0.store.reader(), &offers, &ids).await?;
        let own = own.into_iter().map(|own| (own.name.enrollment, own));
        let mut own = own.collect::<HashMap<_, _>>();
        let asked = asked.into_iter().map(|member| (member.enrollment, member));
        let asked = asked.collect::<HashMap<_, _>>();
        found.retain_mut(|finding| match asked.get(&finding.name.enrollment) {
            Some(member) => self.settle(finding, *member, own.remove(&member.enrollment)),
            None => true,
        });
        Ok(())
    }

    /// Says what a member is who was not found to run here. Gives false when nothing is the matter after all.
    fn settle(
        &mut self,
        finding: &mut Finding,
        member: ProviderMember,
        own: Option<Enrollment>,
    ) -> bool {
        let Some(own) = own else {
            self.totals.missing_here += 1;
            finding.kind = FindingKind::MissingHere;
            return true;
        };
        let status = own.status_on(self.offer.value.date_at(self.time));
        if let Status::Active { .. } = status {
            // It has begun since the others were read.
            self.totals.active += 1;
            if member.agrees_with(&own) {
                self.totals.agreed += 1;
                return false;
            }
            self.totals.term_differs += 1;
            finding.kind = FindingKind::TermDiffers;
        } else {
            self.totals.not_active += 1;
        }
        finding.own = Some(Enrollment { status, ..own });
        true
    }
}
