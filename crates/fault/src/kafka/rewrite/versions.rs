//! What clients are told of the versions that may be used: no more than can be rewritten.

use bytes::Bytes;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};

use crate::kafka::frame::ResponseHead;
use crate::kafka::wire::{self, Problem};

/// `UNSUPPORTED_VERSION`.
const UNSUPPORTED_VERSION: i16 = 35;

/// Takes away versions, and whole APIs, that this program does not know: they could carry addresses.
///
/// The lowest versions stay as the broker says. Old clients need them (KAFKA-18659: librdkafka looks
/// for Produce v0), and no old version carries an address that is not known.
pub(super) fn cap(frame: &Bytes, version: i16) -> Result<Option<Bytes>, Problem> {
    // A broker that does not know the version of the request answers in version 0.
    let known = version.clamp(0, ApiKey::ApiVersions.valid_versions().max);
    let tried = wire::response(frame, ApiKey::ApiVersions, known);
    let (mut answer, version): (ApiVersionsResponse, _) = match tried {
        Ok(answer) => (answer, known),
        Err(_) => (wire::response(frame, ApiKey::ApiVersions, 0)?, 0),
    };
    let before = answer.api_keys.clone();
    answer.api_keys.retain_mut(|api| {
        let Ok(key) = ApiKey::try_from(api.api_key) else {
            return false;
        };
        api.max_version = api.max_version.min(key.valid_versions().max);
        api.min_version <= api.max_version
    });
    if answer.api_keys == before {
        return Ok(None);
    }
    let head = ResponseHead::parse(frame, ApiKey::ApiVersions, version)
        .ok_or_else(|| Problem("the header is cut off".to_owned()))?;
    wire::with_body(&frame[..head.body], &answer, ApiKey::ApiVersions, version).map(Some)
}

/// What a broker says to `ApiVersions` in a version that it does not know: the error and the
/// versions of this one API, in version 0.
pub(crate) fn unsupported_version(correlation: i32) -> Result<Bytes, Problem> {
    let range = ApiKey::ApiVersions.valid_versions();
    let own = ApiVersion::default()
        .with_api_key(ApiKey::ApiVersions as i16)
        .with_min_version(range.min)
        .with_max_version(range.max);
    let answer = ApiVersionsResponse::default()
        .with_error_code(UNSUPPORTED_VERSION)
        .with_api_keys(vec![own]);
    wire::answer(correlation, &answer, ApiKey::ApiVersions, 0)
}
