//! A bare echo: the same transport, path and message sizes as the service, and nothing behind them. On the system's
//! allocator, as tonic is by itself.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use enrollment::grpc::proto::v1::{
    self,
    enrollment_service_server::{EnrollmentService, EnrollmentServiceServer},
};
use prost::Message;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use super::{Result, kept::Kept};

/// The service allows so many.
const STREAMS: u32 = 256;

/// Files with the replies, in the folder that the echo is given.
pub const CHECK_REPLY: &str = "check-reply";
pub const ENROLL_REPLY: &str = "enroll-reply";

/// An echo that runs.
pub struct Echo {
    process: Kept,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Echo {
    /// Starts this program again, as the echo.
    pub fn start(replies: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--echo").arg(replies).stdout(Stdio::piped());
        let mut process = Kept::start(&mut command, replies)?;
        let address = process
            .output()?
            .next()
            .ok_or("the echo does not start")??;
        let address = address.parse()?;
        Ok(Self { process, address })
    }

    /// Id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// Serves until it is killed, with as many threads as the service has.
pub fn serve(replies: &Path) -> Result<()> {
    let canned = Canned {
        check: v1::Eligibility::decode(std::fs::read(replies.join(CHECK_REPLY))?.as_slice())?,
        enroll: v1::Enrollment::decode(std::fs::read(replies.join(ENROLL_REPLY))?.as_slice())?,
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            Server::builder()
                .max_concurrent_streams(STREAMS)
                .serve_with_incoming(
                    EnrollmentServiceServer::new(Replies(Arc::new(canned))),
                    TcpIncoming::from(listener).with_nodelay(Some(true)),
                )
                .await?;
            Ok(())
        })
}

struct Canned {
    check: v1::Eligibility,
    enroll: v1::Enrollment,
}

struct Replies(Arc<Canned>);

#[tonic::async_trait]
impl EnrollmentService for Replies {
    async fn check_eligibility(
        &self,
        _: Request<v1::CheckEligibilityRequest>,
    ) -> Result<Response<v1::Eligibility>, Status> {
        Ok(Response::new(self.0.check.clone()))
    }

    async fn enroll(
        &self,
        _: Request<v1::EnrollRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        Ok(Response::new(self.0.enroll.clone()))
    }

    async fn batch_check_eligibility(
        &self,
        _: Request<v1::BatchCheckEligibilityRequest>,
    ) -> Result<Response<v1::BatchCheckEligibilityResponse>, Status> {
        Err(no_echo())
    }

    async fn get_enrollment(
        &self,
        _: Request<v1::GetEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        Err(no_echo())
    }

    async fn lookup_enrollment(
        &self,
        _: Request<v1::LookupEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        Err(no_echo())
    }

    async fn get_activation_code(
        &self,
        _: Request<v1::GetActivationCodeRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        Err(no_echo())
    }

    async fn cancel_enrollment(
        &self,
        _: Request<v1::CancelEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        Err(no_echo())
    }

    async fn reinstate_enrollment(
        &self,
        _: Request<v1::ReinstateEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        Err(no_echo())
    }
}

fn no_echo() -> Status {
    Status::unimplemented("has no echo")
}
