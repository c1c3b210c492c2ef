//! One region's EC2, for whatever is asked of it.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;

use super::error::{Call, Redactor};
use super::transport;
use crate::domain::Region;

/// EC2 takes at most this many values in one filter.
pub(super) const FILTER_VALUES: usize = 200;

/// One region's client.
pub(super) struct Ec2 {
    pub(super) client: Client,
    pub(super) region: Region,
    redactor: Redactor,
    timeout: Duration,
}

impl Ec2 {
    pub(super) fn new(
        config: &aws_config::SdkConfig,
        region: &Region,
        redactor: Redactor,
        timeout: Duration,
    ) -> Self {
        let config = aws_sdk_ec2::config::Builder::from(config)
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .interceptor(transport::Guard)
            .build();
        Self { client: Client::from_conf(config), region: region.clone(), redactor, timeout }
    }

    /// The words for a failure of `action`, when `attempt` was what was attempted.
    pub(super) fn call(&self, attempt: String, action: &'static str) -> Call<'_> {
        Call { attempt, action, redactor: &self.redactor, timeout: self.timeout }
    }
}

/// A filter. Ids are always asked for by one: given as ids, a single unknown one fails the whole call.
pub(super) fn filter(name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> Filter {
    let values = values.into_iter().map(|value| value.as_ref().to_owned()).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// EC2 writes an empty element where a stopped or terminated instance has nothing.
pub(super) fn text(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}
