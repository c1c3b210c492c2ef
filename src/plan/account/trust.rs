//! Whether a role's trust lets the vendor in.

use serde_json::Value;
use thiserror::Error;

/// The vendor's AWS account (OpenAPI description of the vendor, setCloudCredentialsForAWS).
pub const VENDOR_ACCOUNT: &str = "922761411349";

/// Why the vendor cannot assume a role, or should not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrustProblem {
    /// No statement allows it.
    #[error("it does not trust AWS account {VENDOR_ACCOUNT}")]
    NotTrusted,
    /// A statement forbids it.
    #[error("a statement of its trust denies it to AWS account {VENDOR_ACCOUNT}")]
    Denied,
    /// It asks for another external id than the one that is kept.
    #[error("its trust asks for another external id than the one that is kept")]
    OtherExternalId,
    /// It asks for no external id, so that whoever knows its name can have the vendor use it.
    #[error(
        "its trust asks for no external id, so that other customers of the vendor could use it"
    )]
    NoExternalId,
    /// It has a condition that is not about the external id.
    #[error("its trust has a condition that is not understood here ({condition})")]
    NotUnderstood {
        /// The operator and the key, such as `IpAddress aws:SourceIp`.
        condition: String,
    },
}

impl TrustProblem {
    /// Of several statements the one that counts: what is not understood may let the vendor in as it should, and what asks for nothing
    /// lets in whom it should not.
    fn weight(&self) -> u8 {
        match self {
            Self::NotTrusted => 0,
            Self::OtherExternalId => 1,
            Self::NotUnderstood { .. } => 2,
            Self::NoExternalId => 3,
            Self::Denied => 4,
        }
    }

    /// Whether it is certain that the vendor is kept out, or let in by something else than the external id that is kept.
    pub fn is_certain(&self) -> bool {
        !matches!(self, Self::NotUnderstood { .. })
    }
}

/// What a statement asks of the vendor.
enum Demand {
    /// One of these external ids.
    ExternalId(Vec<String>),
    /// Nothing.
    Nothing,
    /// Something else.
    Other(String),
}

/// What is wrong with a trust, if the vendor is to assume the role with `external_id`; none stands for one that is not known, of
/// which only is asked whether there is one.
///
/// Read as IAM reads it, as far as it says anything of the vendor's account, `sts:AssumeRole` and `sts:ExternalId`.
pub fn trust_problem(trust: &Value, external_id: Option<&str>) -> Option<TrustProblem> {
    let all = listed(&trust["Statement"]);
    let of_vendor: Vec<&Value> = all.into_iter().filter(|it| is_of_vendor(it)).collect();
    let denials = of_vendor.iter().filter(|it| it["Effect"] == "Deny");
    let denials: Vec<_> = denials.map(|it| condition_of(&it["Condition"])).collect();
    if let [first, ..] = &denials[..] {
        return Some(match (denials.contains(&None), first) {
            (false, Some(condition)) => {
                TrustProblem::NotUnderstood { condition: condition.clone() }
            }
            (true, _) | (false, None) => TrustProblem::Denied,
        });
    }
    let mut problem = TrustProblem::NotTrusted;
    for statement in of_vendor.iter().filter(|it| it["Effect"] == "Allow") {
        let found = match (demand(&statement["Condition"]), external_id) {
            (Demand::ExternalId(ids), Some(own)) if ids.iter().any(|id| id == own) => return None,
            (Demand::ExternalId(_), Some(_)) => TrustProblem::OtherExternalId,
            (Demand::ExternalId(_), None) => return None,
            (Demand::Nothing, _) => TrustProblem::NoExternalId,
            (Demand::Other(condition), _) => TrustProblem::NotUnderstood { condition },
        };
        if found.weight() > problem.weight() {
            problem = found;
        }
    }
    Some(problem)
}

/// The first condition of a statement, if it has any.
fn condition_of(condition: &Value) -> Option<String> {
    let (operator, keys) = condition.as_object()?.iter().next()?;
    let key = keys.as_object().and_then(|keys| keys.keys().next());
    Some(format!("{operator} {}", key.map_or("", String::as_str)))
}

fn is_of_vendor(statement: &Value) -> bool {
    let is_vendor = |text: &&str| {
        *text == "*"
            || *text == VENDOR_ACCOUNT
            || text.split(':').nth(4).is_some_and(|account| account == VENDOR_ACCOUNT)
    };
    let principal = match &statement["Principal"] {
        Value::String(any) => any == "*",
        principal => texts(&principal["AWS"]).iter().any(is_vendor),
    };
    let is_assuming = |action: &&str| {
        ["*", "sts:*", "sts:AssumeRole"].iter().any(|known| action.eq_ignore_ascii_case(known))
    };
    principal && texts(&statement["Action"]).iter().any(is_assuming)
}

fn demand(condition: &Value) -> Demand {
    let mut ids = None;
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let is_id = key.eq_ignore_ascii_case("sts:ExternalId") && operator == "StringEquals";
            if !is_id || ids.is_some() {
                return Demand::Other(format!("{operator} {key}"));
            }
            ids = Some(texts(values).into_iter().map(str::to_owned).collect());
        }
    }
    ids.map_or(Demand::Nothing, Demand::ExternalId)
}

fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    listed(value).into_iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowing(condition: &Value) -> Value {
        json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Condition": condition,
            "Principal": {"AWS": ["arn:aws:iam::922761411349:root"]}})
    }

    fn problem(statements: &Value, id: Option<&str>) -> Option<TrustProblem> {
        trust_problem(&json!({ "Statement": statements }), id)
    }

    #[test]
    fn a_trust_lets_the_vendor_in_by_the_external_id_that_is_kept() {
        let own = allowing(&json!({"StringEquals": {"sts:ExternalId": ["other", "own"]}}));
        assert_eq!(problem(&own, Some("own")), None);
        assert_eq!(problem(&json!([own]), None), None);
        assert_eq!(problem(&own, Some("new")), Some(TrustProblem::OtherExternalId));
        let open = allowing(&Value::Null);
        assert_eq!(problem(&open, Some("own")), Some(TrustProblem::NoExternalId));
        let by_address = allowing(&json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
        let found = problem(&by_address, Some("own")).unwrap().to_string();
        assert!(found.contains("IpAddress aws:SourceIp"), "{found}");
    }

    #[test]
    fn a_condition_that_is_not_understood_outweighs_other_statements() {
        let like = allowing(&json!({"StringLike": {"sts:ExternalId": "ow*"}}));
        let other = allowing(&json!({"StringEquals": {"sts:ExternalId": "other"}}));
        let mut denial = allowing(&json!({"StringNotLike": {"sts:ExternalId": "ow*"}}));
        denial["Effect"] = json!("Deny");
        for (statements, words) in [
            (json!([like, other]), "StringLike sts:ExternalId"),
            (json!([other, like]), "StringLike sts:ExternalId"),
            (json!([denial, other]), "StringNotLike sts:ExternalId"),
        ] {
            let found = problem(&statements, Some("own")).unwrap();
            assert!(!found.is_certain() && found.to_string().contains(words), "{found}");
        }
        let open = problem(&json!([like, allowing(&Value::Null), other]), Some("own"));
        assert_eq!(open, Some(TrustProblem::NoExternalId));
        assert!(problem(&json!([other]), Some("own")).unwrap().is_certain());
    }

    #[test]
    fn a_trust_of_others_and_a_denial_keep_the_vendor_out() {
        let own = allowing(&json!({"StringEquals": {"sts:ExternalId": "own"}}));
        let mut denied = allowing(&Value::Null);
        denied["Effect"] = json!("Deny");
        assert_eq!(problem(&json!([own, denied]), Some("own")), Some(TrustProblem::Denied));
        for (key, value) in [
            ("Principal", json!({"AWS": "arn:aws:iam::111111111111:root"})),
            ("Principal", json!({"Service": "ec2.amazonaws.com"})),
            ("Action", json!("sts:TagSession")),
        ] {
            let mut other = own.clone();
            other[key] = value;
            assert_eq!(problem(&other, Some("own")), Some(TrustProblem::NotTrusted), "{other}");
        }
        assert_eq!(trust_problem(&Value::Null, None), Some(TrustProblem::NotTrusted));
    }
}
