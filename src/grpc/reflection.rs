//! Reflection, v1 and v1alpha (older grpcurl asks for the latter), from the encoded descriptor: the
//! decoded one would have lost the options on the rpcs.

use tonic_reflection::server::{
    Builder, Error,
    v1::{ServerReflection as V1, ServerReflectionServer as V1Server},
    v1alpha::{ServerReflection as V1Alpha, ServerReflectionServer as V1AlphaServer},
};

use super::proto::DESCRIPTOR;

/// Both versions of the service. Fails only when the descriptor that is built in is broken.
pub fn services() -> Result<(V1Server<impl V1>, V1AlphaServer<impl V1Alpha>), Error> {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that a tool can show the details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    Ok((builder().build_v1()?, builder().build_v1alpha()?))
}
