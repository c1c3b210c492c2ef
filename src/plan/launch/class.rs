//! What EC2's error codes mean for what is asked next.

use serde::{Deserialize, Serialize};

/// The kinds of refusals.
///
/// Source: EC2 API error codes, `errors-overview`, and those of spot requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// There is no machine of this type there now.
    Capacity,
    /// There is no free address in the subnet. Of the type it says nothing.
    Addresses,
    /// The account may not have more of this market.
    Quota,
    /// The price asked for is below the market's.
    PriceTooLow,
    /// Too many calls.
    Throttled,
    /// The type cannot be launched like this at all.
    Unsupported,
    /// These credentials may not.
    Auth,
    /// What is asked makes no sense.
    Parameter,
    /// A code that is not known here. It proves nothing, so nothing more is asked.
    Unknown,
}

impl Class {
    /// The kind of a code.
    pub fn of(code: &str) -> Self {
        match code {
            "InsufficientInstanceCapacity"
            | "InsufficientHostCapacity"
            | "InsufficientReservedInstanceCapacity"
            | "InsufficientCapacity"
            | "InsufficientCapacityOnHost"
            | "SpotInstanceCapacityNotAvailable"
            | "UnfulfillableCapacity"
            // Another zone may have them.
            | "InsufficientVolumeCapacity"
            | "VolumeTypeNotAvailableInZone"
            | "CapacityNotAvailable" => Self::Capacity,
            "InsufficientFreeAddressesInSubnet" | "InsufficientAddressCapacity" => Self::Addresses,
            "MaxSpotInstanceCountExceeded"
            | "InstanceLimitExceeded"
            | "VcpuLimitExceeded"
            | "SpotInstanceLimitExceeded"
            | "MaxSpotFleetRequestCountExceeded"
            | "ResourceCountExceeded" => Self::Quota,
            "SpotMaxPriceTooLow" | "InvalidSpotPrice" => Self::PriceTooLow,
            "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown" => Self::Throttled,
            "Unsupported"
            | "UnsupportedOperation"
            | "UnsupportedHostConfiguration"
            | "InstanceTypeNotSupported" => Self::Unsupported,
            "UnauthorizedOperation"
            | "AuthFailure"
            | "AccessDenied"
            | "Blocked"
            | "OptInRequired"
            | "PendingVerification"
            | "ExpiredToken"
            | "RequestExpired"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "AuthorizationHeaderMalformed"
            | "IncompleteSignature" => Self::Auth,
            code if code.starts_with("AuthFailure.") => Self::Auth,
            code if code.starts_with("Invalid") => Self::Parameter,
            "MissingParameter"
            | "MissingInput"
            | "ValidationError"
            | "MalformedQueryString"
            | "IdempotentParameterMismatch"
            | "UnknownParameter"
            | "VPCIdNotSpecified"
            | "MissingAction"
            | "DefaultVpcDoesNotExist" => Self::Parameter,
            _ => Self::Unknown,
        }
    }

    /// The kind of the reason with which EC2 ends a machine that it has launched.
    ///
    /// Source: EC2 API reference, `StateReason`.
    pub fn of_end(code: &str) -> Self {
        let bare = code.strip_prefix("Server.").or_else(|| code.strip_prefix("Client."));
        match bare.unwrap_or(code) {
            "SpotInstanceTermination" | "SpotInstanceShutdown" => Self::Capacity,
            "VolumeLimitExceeded" => Self::Quota,
            bare => Self::of(bare),
        }
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Addresses => "addresses",
            Self::Quota => "quota",
            Self::PriceTooLow => "price_too_low",
            Self::Throttled => "throttled",
            Self::Unsupported => "unsupported",
            Self::Auth => "auth",
            Self::Parameter => "parameter",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_machine_is_of_a_kind_too() {
        for (code, class) in [
            ("Server.InsufficientInstanceCapacity", Class::Capacity),
            ("Server.SpotInstanceTermination", Class::Capacity),
            ("Server.SpotInstanceShutdown", Class::Capacity),
            ("Client.VolumeLimitExceeded", Class::Quota),
            ("Client.InvalidSnapshot.NotFound", Class::Parameter),
            ("Client.InternalError", Class::Unknown),
            ("Server.InternalError", Class::Unknown),
            ("Client.UserInitiatedShutdown", Class::Unknown),
        ] {
            assert_eq!(Class::of_end(code), class, "{code}");
        }
    }
}
