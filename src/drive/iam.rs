//! Roles of IAM, in builds with and without AWS.

#[cfg(feature = "aws")]
mod real {
    use crate::aws::Aws;
    use crate::domain::IamRole;
    use crate::drive::ec2::aws_config;
    use crate::drive::{Ec2Access, Ec2Error};

    /// What reads roles.
    #[derive(Debug)]
    pub struct RoleReader {
        aws: Aws,
        account: Option<String>,
    }

    impl RoleReader {
        /// Finds credentials, and asks whose they are.
        ///
        /// # Errors
        ///
        /// Any [`Ec2Error`].
        pub fn connect(access: &Ec2Access) -> Result<Self, Ec2Error> {
            let aws = Aws::connect(aws_config(access))?;
            let account = aws.identity().ok().map(|identity| identity.account);
            Ok(Self { aws, account })
        }

        /// The AWS account, if that could be told.
        pub fn account(&self) -> Option<&str> {
            self.account.as_deref()
        }

        /// The role of that name; none if there is none.
        ///
        /// # Errors
        ///
        /// Any [`Ec2Error`].
        pub fn role(&self, name: &str) -> Result<Option<IamRole>, Ec2Error> {
            Ok(self.aws.iam_role(&self.aws.usual_region(), name)?)
        }
    }
}

#[cfg(not(feature = "aws"))]
mod real {
    use crate::domain::IamRole;
    use crate::drive::{Ec2Access, Ec2Error};

    /// What would read roles, in a build that cannot.
    #[derive(Debug)]
    pub struct RoleReader(());

    impl RoleReader {
        /// Tells that this build has no AWS support.
        ///
        /// # Errors
        ///
        /// Always [`Ec2Error::NotBuilt`].
        pub fn connect(_access: &Ec2Access) -> Result<Self, Ec2Error> {
            Err(Ec2Error::NotBuilt)
        }

        /// None: this build has no AWS support.
        pub fn account(&self) -> Option<&str> {
            None
        }

        /// Tells that this build has no AWS support.
        ///
        /// # Errors
        ///
        /// Always [`Ec2Error::NotBuilt`].
        pub fn role(&self, _name: &str) -> Result<Option<IamRole>, Ec2Error> {
            Err(Ec2Error::NotBuilt)
        }
    }
}

pub use real::RoleReader;
