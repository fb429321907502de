//! `CohortService`: what operators do with cohorts and their lists.

use tonic::{Request, Response, Status, Streaming};

use super::{
    caller,
    member_stream::{MAX_LOAD_MESSAGE_BYTES, MemberReceiver},
    parse,
    proto::v1::{self, cohort_service_server::CohortService},
    render,
    streams::{self, Answers},
};
use crate::{
    app::{
        App, Error,
        cohorts::{CohortChange, NewCohort},
        publication::Chosen,
        publish_cohort::PublishCohort,
    },
    domain::{
        cohort::{Cohort, CohortVersion},
        list_digest::ListDigest,
        name::{CohortName, LoadName, OfferName, ResourceId},
        request::Etag,
        text,
        violation::{Rule, Violations},
    },
};

/// The fields that an update may name.
const CHANGEABLE: [&str; 2] = ["display_name", "data_elements"];

/// The largest message that the service takes: a chunk of a load.
pub const MAX_MESSAGE_BYTES: usize = MAX_LOAD_MESSAGE_BYTES;

/// The most loads that a publication can name.
const MAX_LOADS: usize = 1_000;

/// The service, over the application.
#[derive(Debug, Clone)]
pub struct Cohorts(pub App);

#[tonic::async_trait]
impl CohortService for Cohorts {
    async fn create_cohort(
        &self,
        request: Request<v1::CreateCohortRequest>,
    ) -> Result<Response<v1::Cohort>, Status> {
        let caller = caller(&request)?;
        let new = parse_create(request.into_inner())?;
        let cohort = self.0.create_cohort(&caller, new).await?;
        Ok(Response::new(render::cohort(cohort)))
    }

    async fn get_cohort(
        &self,
        request: Request<v1::GetCohortRequest>,
    ) -> Result<Response<v1::Cohort>, Status> {
        let mut violations = Violations::default();
        let name = violations.check("name", CohortName::parse(&request.into_inner().name));
        let cohort = self.0.get_cohort(&parse::finish(violations, name)?).await?;
        Ok(Response::new(render::cohort(cohort)))
    }

    async fn list_cohorts(
        &self,
        request: Request<v1::ListCohortsRequest>,
    ) -> Result<Response<v1::ListCohortsResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let parent = violations.check("parent", OfferName::parse(&request.parent));
        let list = format!("cohorts of {}", request.parent);
        let page = self.0.read_page(
            &list,
            request.page_size,
            &request.page_token,
            &mut violations,
        );
        let (parent, page) = parse::finish(violations, parent.zip(page))?;
        let page = self.0.list_cohorts(&parent, &page).await?;
        let id = |cohort: &Cohort| cohort.name.cohort.to_string();
        let next_page_token = self.0.next_page_token(&list, &page, id)?;
        let cohorts = page.items.into_iter().map(render::cohort).collect();
        Ok(Response::new(v1::ListCohortsResponse {
            cohorts,
            next_page_token,
        }))
    }

    async fn update_cohort(
        &self,
        request: Request<v1::UpdateCohortRequest>,
    ) -> Result<Response<v1::Cohort>, Status> {
        let caller = caller(&request)?;
        let (name, etag, change) = parse_update(request.into_inner())?;
        let cohort = self.0.change_cohort(&caller, name, etag, change).await?;
        Ok(Response::new(render::cohort(cohort)))
    }

    type LoadMembersStream = Answers<v1::LoadMembersResponse>;

    async fn load_members(
        &self,
        request: Request<Streaming<v1::LoadMembersRequest>>,
    ) -> Result<Response<Self::LoadMembersStream>, Status> {
        let caller = caller(&request)?;
        let receiver = MemberReceiver::new(self.0.clone(), caller);
        Ok(streams::answer(request, receiver))
    }

    async fn get_load(
        &self,
        request: Request<v1::GetLoadRequest>,
    ) -> Result<Response<v1::Load>, Status> {
        let mut violations = Violations::default();
        let name = violations.check("name", LoadName::parse(&request.into_inner().name));
        let loaded = self.0.get_load(&parse::finish(violations, name)?).await?;
        Ok(Response::new(v1::Load {
            rejected_rows: render::rejected_rows(loaded.rejected),
            ..render::load(loaded.load)
        }))
    }

    async fn discard_load(
        &self,
        request: Request<v1::DiscardLoadRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = caller(&request)?;
        let mut violations = Violations::default();
        let name = violations.check("name", LoadName::parse(&request.into_inner().name));
        let name = parse::finish(violations, name)?;
        self.0.discard_load(&caller, name).await?;
        Ok(Response::new(()))
    }

    async fn preview_publication(
        &self,
        request: Request<v1::PreviewPublicationRequest>,
    ) -> Result<Response<v1::PublicationPreview>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let name = violations.check("name", CohortName::parse(&request.name));
        let chosen = parse_chosen(&mut violations, &request.load_ids, request.version);
        let (name, chosen) = parse::finish(violations, name.zip(chosen))?;
        let proposal = self.0.preview_publication(&name, &chosen).await?;
        Ok(Response::new(render::publication_preview(&proposal)))
    }

    async fn publish_cohort(
        &self,
        request: Request<v1::PublishCohortRequest>,
    ) -> Result<Response<v1::Cohort>, Status> {
        let caller = caller(&request)?;
        let command = parse_publish(&request.into_inner())?;
        let cohort = self.0.publish_cohort(&caller, command).await?;
        Ok(Response::new(render::cohort(cohort)))
    }

    async fn list_cohort_versions(
        &self,
        request: Request<v1::ListCohortVersionsRequest>,
    ) -> Result<Response<v1::ListCohortVersionsResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let parent = violations.check("parent", CohortName::parse(&request.parent));
        let list = format!("versions of {}", request.parent);
        let page = self.0.read_page(
            &list,
            request.page_size,
            &request.page_token,
            &mut violations,
        );
        let (parent, page) = parse::finish(violations, parent.zip(page))?;
        let page = self.0.list_cohort_versions(&parent, &page).await?;
        let id = |version: &CohortVersion| version.number.to_string();
        let next_page_token = self.0.next_page_token(&list, &page, id)?;
        let versions = page.items.into_iter().map(render::cohort_version).collect();
        Ok(Response::new(v1::ListCohortVersionsResponse {
            versions,
            next_page_token,
        }))
    }

    async fn retract_cohort(
        &self,
        request: Request<v1::RetractCohortRequest>,
    ) -> Result<Response<v1::Cohort>, Status> {
        let caller = caller(&request)?;
        let (name, etag, change) = parse_retract(&request.into_inner())?;
        let cohort = self.0.change_cohort(&caller, name, etag, change).await?;
        Ok(Response::new(render::cohort(cohort)))
    }
}

fn parse_create(request: v1::CreateCohortRequest) -> Result<NewCohort, Error> {
    let mut violations = Violations::default();
    let parent = violations.check("parent", OfferName::parse(&request.parent));
    let id = violations.check("cohort_id", ResourceId::parse(&request.cohort_id));
    let Some(cohort) = request.cohort else {
        violations.note("cohort", parse::REQUIRED);
        return parse::finish(violations, None);
    };
    let display_name = text::label(&cohort.display_name);
    let display_name = violations.check("cohort.display_name", display_name);
    let data_elements = parse::data_elements(&cohort.data_elements);
    let data_elements = violations.check("cohort.data_elements", data_elements);
    let parsed = || {
        Some(NewCohort {
            name: CohortName {
                parent: parent?,
                cohort: id?,
            },
            display_name: display_name?,
            data_elements: data_elements?,
        })
    };
    parse::finish(violations, parsed())
}

type NamedChange = (CohortName, Option<Etag>, CohortChange);

fn parse_update(request: v1::UpdateCohortRequest) -> Result<NamedChange, Error> {
    let mut violations = Violations::default();
    let paths = parse::mask(&mut violations, request.update_mask, &CHANGEABLE);
    let wanted = |field: &str| paths.iter().any(|path| path == field);
    let Some(cohort) = request.cohort else {
        violations.note("cohort", parse::REQUIRED);
        return parse::finish(violations, None);
    };
    let name = violations.check("cohort.name", CohortName::parse(&cohort.name));
    let etag = violations.check("cohort.etag", Etag::parse(&cohort.etag));
    let display_name = wanted("display_name")
        .then(|| text::label(&cohort.display_name))
        .transpose();
    let display_name = violations.check("cohort.display_name", display_name);
    let data_elements = wanted("data_elements")
        .then(|| parse::data_elements(&cohort.data_elements))
        .transpose();
    let data_elements = violations.check("cohort.data_elements", data_elements);
    let parsed = || {
        let change = CohortChange::Update {
            display_name: display_name?,
            data_elements: data_elements?,
        };
        Some((name?, etag?, change))
    };
    parse::finish(violations, parsed())
}

fn parse_publish(request: &v1::PublishCohortRequest) -> Result<PublishCohort, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", CohortName::parse(&request.name));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let chosen = parse_chosen(&mut violations, &request.load_ids, request.version);
    if !(0.0..=1.0).contains(&request.max_dropped_share) {
        violations.note("max_dropped_share", Rule("must be 0 to 1"));
    }
    let expected_people = match request.expected_person_count {
        0 => None,
        count => {
            if count < 0 {
                let rule = Rule("must be at least 1, or 0 to expect nothing");
                violations.note("expected_person_count", rule);
            }
            Some(count)
        }
    };
    let expected_digest = Some(&request.expected_digest).filter(|digest| !digest.is_empty());
    let expected_digest = expected_digest
        .map(|digest| ListDigest::parse(digest))
        .transpose();
    let expected_digest = violations.check("expected_digest", expected_digest);
    let parsed = || {
        Some(PublishCohort {
            name: name?,
            chosen: chosen?,
            expected_people,
            expected_digest: expected_digest?,
            max_dropped_share: request.max_dropped_share,
            etag: etag?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_retract(request: &v1::RetractCohortRequest) -> Result<NamedChange, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", CohortName::parse(&request.name));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let reason = violations.check("reason", text::label(&request.reason));
    let parsed = || Some((name?, etag?, CohortChange::Retract { reason: reason? }));
    parse::finish(violations, parsed())
}

/// What a publication is to be made of.
fn parse_chosen(violations: &mut Violations, load_ids: &[String], version: i64) -> Option<Chosen> {
    if version < 0 {
        violations.note("version", Rule("must be at least 1, or 0 to choose none"));
    }
    if version > 0 && !load_ids.is_empty() {
        violations.note("version", Rule("must not be given together with load_ids"));
    }
    if load_ids.len() > MAX_LOADS {
        violations.note("load_ids", Rule("must have at most 1000 entries"));
        return None;
    }
    let parsed = load_ids.iter().enumerate().map(|(place, id)| {
        let field = format!("load_ids[{place}]");
        violations.check(&field, ResourceId::parse(id))
    });
    // All of them are looked at, so that everything that is wrong is told.
    let parsed = parsed.collect::<Vec<_>>();
    let loads = parsed.into_iter().collect::<Option<Vec<_>>>()?;
    Some(match version {
        0 if loads.is_empty() => Chosen::AllFinished,
        0 => Chosen::Loads(loads),
        version => Chosen::Version(version),
    })
}
