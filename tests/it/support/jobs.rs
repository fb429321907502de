//! Jobs, which go on by themselves, and the service that is killed meanwhile.

use enrollment::grpc::proto::v1::{self, job};
use tonic::{
    Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::{
    database::TestDatabase, installation::Installation, process::ServiceProcess, server::TestServer,
};

/// How often the service is killed.
const KILLS: usize = 3;

/// Enrollments of which a job changes each while the service is killed: `ENROLLMENT_JOB_SIZE` of them, or so many.
pub fn job_size(otherwise: u32) -> u32 {
    std::env::var("ENROLLMENT_JOB_SIZE").map_or(otherwise, |size| size.parse().unwrap())
}

impl TestServer {
    pub async fn job(&self, name: &str) -> v1::Job {
        let name = name.to_owned();
        let reply = self.admin().get_job(v1::GetJobRequest { name }).await;
        reply.unwrap().into_inner()
    }

    /// The job once it is done.
    pub async fn job_done(&self, name: &str) -> v1::Job {
        loop {
            let job = self.job(name).await;
            if job.state() == job::State::Done {
                return job;
            }
        }
    }
}

/// Asks a service that runs as a process, as an operator.
pub fn as_operator(
    installation: &Installation,
    service: &ServiceProcess,
) -> InterceptedService<Channel, impl Interceptor + Clone + use<>> {
    let bearer = format!("Bearer {}", installation.token(&["operator"]));
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address)).unwrap();
    let with_token = move |mut call: Request<()>| -> Result<_, Status> {
        call.metadata_mut()
            .insert("authorization", bearer.parse().unwrap());
        Ok(call)
    };
    InterceptedService::new(endpoint.connect_lazy(), with_token)
}

/// Kills the service again and again while it works on the only job, and looks at each death; gives the service that
/// has done it.
pub async fn kill_until_done(
    installation: &Installation,
    database: &TestDatabase,
    mut service: ServiceProcess,
    at_each_death: impl AsyncFn(),
) -> ServiceProcess {
    let mut passed = 0;
    for _ in 0..KILLS {
        passed = until_more_than(database, passed).await;
        service.kill();
        at_each_death().await;
        service = ServiceProcess::start(&mut installation.serve(database, "127.0.0.1:0"));
    }
    let total = database.count("SELECT total_count FROM jobs").await;
    assert!(passed < total, "it was done before it was killed");
    while database
        .count("SELECT COUNT(*) FROM jobs WHERE state = 'DONE'")
        .await
        == 0
    {}
    service
}

/// Waits until the job has looked at more than so many; gives how many it has.
async fn until_more_than(database: &TestDatabase, passed: i64) -> i64 {
    let sql = "SELECT CAST(COALESCE(SUM(passed_count), 0) AS BIGINT) FROM jobs";
    loop {
        let now = database.count(sql).await;
        if now > passed {
            return now;
        }
    }
}
