//! What IAM tells of roles.

/// A role.
#[derive(Clone, Debug, PartialEq)]
pub struct IamRole {
    /// Its ARN.
    pub arn: String,
    /// Who may assume it, as JSON.
    pub trust: serde_json::Value,
}
