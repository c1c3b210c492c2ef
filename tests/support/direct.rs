//! The simulator without a network in between, for tests that ask it hundreds of thousands of times.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use spot_sim::{Delivery, Request, Server};
use spotinst_esg::spot::{Carrier, CarryError, CarryErrorKind, Delivered, Parcel, TransportFault};

/// Hands requests to a simulator in this process.
pub(crate) struct Direct(pub(crate) Arc<Server>);

impl Carrier for Direct {
    fn carry(&self, parcel: &Parcel) -> Result<Delivered, CarryError> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parcel.headers.iter();
        let outcome = self.0.handle(&Request {
            method: parcel.method.to_owned(),
            path: parcel.url.path().to_owned(),
            query: parcel.url.query().unwrap_or_default().to_owned(),
            headers: headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: parcel.body.clone(),
        });
        let cut =
            || CarryErrorKind::Network(TransportFault::Cut, "the connection was cut".to_owned());
        let headers: HeaderMap = outcome
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        match outcome.delivery {
            Delivery::Whole => {
                Ok(Delivered { status: outcome.status, headers, body: outcome.body })
            }
            Delivery::Cut => Err(CarryError { kind: cut(), head: None }),
            Delivery::Truncated(_) => {
                Err(CarryError { kind: cut(), head: Some(Box::new((outcome.status, headers))) })
            }
        }
    }
}
