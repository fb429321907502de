//! Compiles `proto/` without protoc, and keeps the encoded descriptor for reflection and for the
//! scopes that stand on the rpcs: only the encoded form still has custom options.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

/// Messages with personal data: their generated code gets no `Debug`, so that nothing can print
/// them by accident. Hand-written, redacting `Debug`s stand in `grpc/redact.rs`.
const PERSONAL: [&str; 20] = [
    "Identifier",
    "Person",
    "Contact",
    "CheckEligibilityRequest",
    "BatchCheckEligibilityRequest",
    "EnrollRequest",
    "Enrollment",
    "LookupEnrollmentRequest",
    "LoadMembersRequest",
    "LoadChunk",
    "MemberRow",
    "PlainMember",
    "HashedMember",
    "HashedRows",
    "Membership",
    "RecordActivationRequest",
    "RecordRejectionRequest",
    "RecordCancellationRequest",
    "LoadActivationCodesRequest",
    "CodeChunk",
];

/// What stands inside those messages and says nothing of a person keeps its `Debug`.
const IMPERSONAL: [&str; 4] = [
    "Enrollment.State",
    "Enrollment.CancelReason",
    "Enrollment.RejectReason",
    "Enrollment.RevokeReason",
];

const PACKAGE: &str = "identityprotection.enrollment.v1";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = "proto/identityprotection/enrollment/v1";
    println!("cargo:rerun-if-changed=proto");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(files)?;

    let encoded = compiler.encode_file_descriptor_set();
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("descriptor.bin"),
        &encoded,
    )?;

    let descriptors = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    let mut builder = tonic_prost_build::configure()
        .codec_path("crate::grpc::codec::Codec")
        .skip_debug(PERSONAL.map(|message| format!(".{PACKAGE}.{message}")));
    for name in IMPERSONAL {
        builder = builder.enum_attribute(format!(".{PACKAGE}.{name}"), "#[derive(Debug)]");
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
