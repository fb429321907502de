//! `OfferService`: what operators do with offers.

use tonic::{Request, Response, Status};

use super::{
    caller, parse,
    proto::v1::{self, offer_service_server::OfferService},
    render,
};
use crate::{
    app::{
        App, Error,
        migrate_offer::MigrateOffer,
        offers::{OfferMove, OfferPatch},
    },
    domain::{
        code::CodeSource,
        name::{OfferName, ResourceId},
        offer::{DayCount, Offer, OfferDetails, Overlap, Window},
        request::{Etag, RequestId},
        term::Term,
        text,
        violation::{Rule, Violations},
    },
};

/// What a list's page tokens are bound to.
const LIST: &str = "offers";

/// The largest message that the service takes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

const ACTIVATION_DAYS: u16 = 365;
const REINSTATEMENT_DAYS: u16 = 30;

/// The fields that an update may name.
const CHANGEABLE: [&str; 12] = [
    "display_name",
    "provider",
    "term",
    "time_zone",
    "enroll_from_date",
    "enroll_by_date",
    "cohorts_complete",
    "terms_version",
    "activation_window_days",
    "reinstatement_window_days",
    "code_source",
    "overlap",
];

/// The service, over the application.
#[derive(Debug, Clone)]
pub struct Offers(pub App);

#[tonic::async_trait]
impl OfferService for Offers {
    async fn create_offer(
        &self,
        request: Request<v1::CreateOfferRequest>,
    ) -> Result<Response<v1::Offer>, Status> {
        let caller = caller(&request)?;
        let (name, details) = parse_create(request.into_inner())?;
        let offer = self.0.create_offer(&caller, name, details).await?;
        Ok(Response::new(render::offer(offer)))
    }

    async fn get_offer(
        &self,
        request: Request<v1::GetOfferRequest>,
    ) -> Result<Response<v1::Offer>, Status> {
        let mut violations = Violations::default();
        let name = violations.check("name", OfferName::parse(&request.into_inner().name));
        let offer = self.0.get_offer(&parse::finish(violations, name)?).await?;
        Ok(Response::new(render::offer(offer)))
    }

    async fn list_offers(
        &self,
        request: Request<v1::ListOffersRequest>,
    ) -> Result<Response<v1::ListOffersResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let page = self.0.read_page(
            LIST,
            request.page_size,
            &request.page_token,
            &mut violations,
        );
        let page = self
            .0
            .list_offers(&parse::finish(violations, page)?)
            .await?;
        let id = |offer: &Offer| offer.name.offer.as_str().to_owned();
        let next_page_token = self.0.next_page_token(LIST, &page, id)?;
        let offers = page.items.into_iter().map(render::offer).collect();
        Ok(Response::new(v1::ListOffersResponse {
            offers,
            next_page_token,
        }))
    }

    async fn update_offer(
        &self,
        request: Request<v1::UpdateOfferRequest>,
    ) -> Result<Response<v1::Offer>, Status> {
        let caller = caller(&request)?;
        let (name, etag, patch) = parse_update(request.into_inner())?;
        let offer = self.0.update_offer(&caller, name, etag, patch).await?;
        Ok(Response::new(render::offer(offer)))
    }

    async fn open_offer(
        &self,
        request: Request<v1::OpenOfferRequest>,
    ) -> Result<Response<v1::Offer>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (name, etag) = parse_move(&request.name, &request.etag)?;
        let offer = self
            .0
            .move_offer(&caller, name, etag, OfferMove::Open)
            .await?;
        Ok(Response::new(render::offer(offer)))
    }

    async fn pause_offer(
        &self,
        request: Request<v1::PauseOfferRequest>,
    ) -> Result<Response<v1::Offer>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (name, etag) = parse_move(&request.name, &request.etag)?;
        let offer = self
            .0
            .move_offer(&caller, name, etag, OfferMove::Pause)
            .await?;
        Ok(Response::new(render::offer(offer)))
    }

    async fn close_offer(
        &self,
        request: Request<v1::CloseOfferRequest>,
    ) -> Result<Response<v1::Offer>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (name, etag) = parse_move(&request.name, &request.etag)?;
        let offer = self
            .0
            .move_offer(&caller, name, etag, OfferMove::Close)
            .await?;
        Ok(Response::new(render::offer(offer)))
    }

    async fn migrate_offer(
        &self,
        request: Request<v1::MigrateOfferRequest>,
    ) -> Result<Response<v1::Job>, Status> {
        let caller = caller(&request)?;
        let command = parse_migrate(&request.into_inner())?;
        let job = self.0.migrate_offer(&caller, command).await?;
        Ok(Response::new(render::job(job)))
    }
}

fn parse_migrate(request: &v1::MigrateOfferRequest) -> Result<MigrateOffer, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", OfferName::parse(&request.name));
    let successor = violations.check("successor", OfferName::parse(&request.successor));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(MigrateOffer {
            name: name?,
            successor: successor?,
            etag: etag?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_move(name: &str, etag: &str) -> Result<(OfferName, Option<Etag>), Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", OfferName::parse(name));
    let etag = violations.check("etag", Etag::parse(etag));
    let parsed = || Some((name?, etag?));
    parse::finish(violations, parsed())
}

fn parse_create(request: v1::CreateOfferRequest) -> Result<(OfferName, OfferDetails), Error> {
    let mut violations = Violations::default();
    let id = violations.check("offer_id", ResourceId::parse(&request.offer_id));
    let Some(offer) = request.offer else {
        violations.note("offer", parse::REQUIRED);
        return parse::finish(violations, None);
    };
    let details = details(&mut violations, &offer);
    let parsed = || Some((OfferName { offer: id? }, details?));
    parse::finish(violations, parsed())
}

fn details(violations: &mut Violations, offer: &v1::Offer) -> Option<OfferDetails> {
    let patch = patch(violations, offer, |_| true);
    let (term, short_term_acknowledged) = patch.term?;
    Some(OfferDetails {
        display_name: patch.display_name?,
        provider: patch.provider?,
        term,
        short_term_acknowledged,
        time_zone: patch.time_zone?,
        window: Window {
            enroll_from: patch.enroll_from?,
            enroll_by: patch.enroll_by?,
        },
        cohorts_complete: patch.cohorts_complete?,
        terms_version: patch.terms_version?,
        activation_window: patch.activation_window?,
        reinstatement_window: patch.reinstatement_window?,
        code_source: patch.code_source?,
        overlap: patch.overlap?,
    })
}

fn parse_update(
    request: v1::UpdateOfferRequest,
) -> Result<(OfferName, Option<Etag>, OfferPatch), Error> {
    let mut violations = Violations::default();
    let paths = parse::mask(&mut violations, request.update_mask, &CHANGEABLE);
    let Some(offer) = request.offer else {
        violations.note("offer", parse::REQUIRED);
        return parse::finish(violations, None);
    };
    let name = violations.check("offer.name", OfferName::parse(&offer.name));
    let etag = violations.check("offer.etag", Etag::parse(&offer.etag));
    let patch = OfferPatch {
        allows_earlier_enroll_by: request.allow_earlier_enroll_by_date,
        ..patch(&mut violations, &offer, |field| {
            paths.iter().any(|path| path == field)
        })
    };
    let parsed = || Some((name?, etag?, patch));
    parse::finish(violations, parsed())
}

/// The fields of an offer that are wanted, each parsed or noted.
fn patch(
    violations: &mut Violations,
    offer: &v1::Offer,
    wanted: impl Fn(&str) -> bool,
) -> OfferPatch {
    let mut field = Fields { violations, wanted };
    let activation_days = offer.activation_window_days;
    let reinstatement_days = offer.reinstatement_window_days;
    OfferPatch {
        display_name: field.get("display_name", || text::label(&offer.display_name)),
        provider: field.get("provider", || text::label(&offer.provider)),
        term: field.get("term", || term(offer.term.as_ref())),
        time_zone: field.get("time_zone", || time_zone(&offer.time_zone)),
        enroll_from: field.get("enroll_from_date", || {
            parse::date(offer.enroll_from_date.as_ref())
        }),
        enroll_by: field.get("enroll_by_date", || {
            parse::date(offer.enroll_by_date.as_ref())
        }),
        cohorts_complete: field.get("cohorts_complete", || Ok(offer.cohorts_complete)),
        terms_version: field.get("terms_version", || text::short(&offer.terms_version)),
        activation_window: field.get("activation_window_days", || {
            DayCount::parse(activation_days, ACTIVATION_DAYS)
        }),
        reinstatement_window: field.get("reinstatement_window_days", || {
            DayCount::parse(reinstatement_days, REINSTATEMENT_DAYS)
        }),
        code_source: field.get("code_source", || code_source(offer.code_source)),
        overlap: field.get("overlap", || overlap(offer.overlap)),
        allows_earlier_enroll_by: false,
    }
}

struct Fields<'a, W> {
    violations: &'a mut Violations,
    wanted: W,
}

impl<W: Fn(&str) -> bool> Fields<'_, W> {
    fn get<T>(&mut self, field: &str, parse: impl FnOnce() -> Result<T, Rule>) -> Option<T> {
        if !(self.wanted)(field) {
            return None;
        }
        self.violations.check(format!("offer.{field}"), parse())
    }
}

fn code_source(number: i32) -> Result<CodeSource, Rule> {
    match v1::CodeSource::try_from(number) {
        Ok(v1::CodeSource::Unspecified | v1::CodeSource::Minted) => Ok(CodeSource::Minted),
        Ok(v1::CodeSource::Pool) => Ok(CodeSource::Pool),
        Ok(v1::CodeSource::None) => Ok(CodeSource::None),
        Err(_) => Err(Rule("must be a known CodeSource")),
    }
}

fn overlap(number: i32) -> Result<Overlap, Rule> {
    use v1::offer::Overlap as O;

    match O::try_from(number) {
        Ok(O::Unspecified | O::Allow) => Ok(Overlap::Allow),
        Ok(O::Refuse) => Ok(Overlap::Refuse),
        Ok(O::StartAfter) => Ok(Overlap::StartAfter),
        Err(_) => Err(Rule("must be a known Overlap")),
    }
}

fn time_zone(name: &str) -> Result<chrono_tz::Tz, Rule> {
    name.parse()
        .map_err(|_| Rule("must be the name of an IANA time zone"))
}

fn term(term: Option<&v1::Term>) -> Result<(Term, bool), Rule> {
    use v1::term::Anchor;

    const MONTHS_RULE: Rule = Rule("must have months of 1 to 120 and no fixed_end_date");
    const FIXED_RULE: Rule = Rule("must have a fixed_end_date and no months");
    let term = term.ok_or(parse::REQUIRED)?;
    let months = || {
        Term::months(term.months)
            .ok()
            .filter(|_| term.fixed_end_date.is_none())
            .ok_or(MONTHS_RULE)
    };
    let parsed = match Anchor::try_from(term.anchor) {
        Ok(Anchor::Enrollment) => Term::Enrollment { months: months()? },
        Ok(Anchor::Activation) => Term::Activation { months: months()? },
        Ok(Anchor::FixedEnd) => {
            let end = parse::date(term.fixed_end_date.as_ref()).map_err(|_| FIXED_RULE)?;
            if term.months != 0 {
                return Err(FIXED_RULE);
            }
            Term::FixedEnd { end }
        }
        Ok(Anchor::Unspecified) | Err(_) => return Err(Rule("must have a known anchor")),
    };
    Ok((parsed, term.short_term_acknowledged))
}
