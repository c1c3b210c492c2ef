//! The name of an IAM role.

use std::fmt;

/// An IAM role's ARN, such as `arn:aws:iam::123456789012:role/Spot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn {
    text: String,
    account: String,
}

impl RoleArn {
    /// Takes ARNs of roles only, of any partition.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, role] = parts.as_slice() else { return None };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_role = role.strip_prefix("role/").is_some_and(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && c != ':')
        });
        (partition.starts_with("aws") && is_account && is_role)
            .then(|| Self { text: text.to_owned(), account: (*account).to_owned() })
    }

    /// The AWS account, twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roles_are_taken() {
        for text in
            ["arn:aws:iam::123456789012:role/x", "arn:aws-us-gov:iam::123456789012:role/a/b"]
        {
            assert_eq!(RoleArn::parse(text).unwrap().account(), "123456789012");
        }
        for text in [
            "",
            "x",
            "arn:aws:iam::1234:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam:eu-west-1:123456789012:role/x",
            "arn:aws:iam::123456789012:role/x y",
        ] {
            assert_eq!(RoleArn::parse(text), None, "{text}");
        }
    }
}
