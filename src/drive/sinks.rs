//! Where secrets that are told once are kept, in builds with and without AWS.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::ec2::Ec2Access;
use super::secret_file::{open_to_others, secret_file};
use crate::domain::Region;

/// A place for one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A parameter of AWS Systems Manager, encrypted.
    Ssm {
        /// Its name.
        name: String,
        /// Where; none for the region that the AWS SDK would take.
        region: Option<Region>,
        /// The key; none for the account's own.
        kms_key: Option<String>,
    },
    /// A file that only its owner may read.
    File(PathBuf),
}

impl std::fmt::Display for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ssm { name, region: Some(region), .. } => {
                write!(f, "ssm:{name} in {region}")
            }
            Self::Ssm { name, .. } => write!(f, "ssm:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why a place cannot be used. Holds no secret.
#[derive(Clone, Debug, Error)]
pub enum SinkError {
    /// The system refuses.
    #[error("cannot {doing} {}: {reason}", path.display())]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// AWS refuses, or cannot be asked.
    #[error("cannot {0}")]
    Aws(String),
    /// This binary was built without the feature `aws`.
    #[error(
        "cannot use the parameter {0}: this binary was built without AWS support; install a build with it"
    )]
    NotBuilt(String),
}

/// The places of one task, in the order they are read in.
pub struct Sinks {
    sinks: Vec<Sink>,
    parameters: real::Parameters,
}

impl Sinks {
    /// Asks nobody yet.
    pub fn new(sinks: Vec<Sink>, access: Ec2Access) -> Self {
        Self { sinks, parameters: real::Parameters::new(access) }
    }

    /// The places.
    pub fn all(&self) -> &[Sink] {
        &self.sinks
    }

    /// What each place holds, if anything.
    ///
    /// # Errors
    ///
    /// The first place that cannot be read.
    pub fn read(&self) -> Result<Vec<Option<SecretString>>, SinkError> {
        let read = |sink: &Sink| match sink {
            Sink::Ssm { name, region, .. } => self.parameters.read(region.as_ref(), name),
            Sink::File(path) => read_file(path),
        };
        self.sinks.iter().map(read).collect()
    }

    /// Shows before a secret is made that files can be written. What AWS would say to writing only writing tells.
    ///
    /// # Errors
    ///
    /// The first file that could not be written.
    pub fn try_out(&self) -> Result<(), SinkError> {
        self.sinks.iter().try_for_each(|sink| match sink {
            Sink::Ssm { .. } => Ok(()),
            Sink::File(path) => fresh(path).map(drop),
        })
    }

    /// What is to be told of files that others may read or write, and of parameters that were read and are not encrypted. What is written
    /// here is private; someone may have opened it since, or have put it there.
    pub fn open_places(&self) -> Vec<String> {
        let open = |sink: &Sink| match sink {
            Sink::File(path) => open_to_others(path),
            Sink::Ssm { .. } => None,
        };
        let plain = self.parameters.plain().into_iter().map(|name| {
            format!(
                "the parameter {name} is not encrypted, since it is no SecureString: keep what it holds in another place besides, delete it and \
                 run again"
            )
        });
        self.sinks.iter().filter_map(open).chain(plain).collect()
    }

    /// Puts a secret into one place, whole or not at all.
    ///
    /// # Errors
    ///
    /// The place refuses.
    pub fn store(
        &self,
        sink: &Sink,
        secret: &SecretString,
        description: &str,
    ) -> Result<(), SinkError> {
        match sink {
            Sink::Ssm { name, region, kms_key } => self.parameters.store(
                region.as_ref(),
                name,
                secret,
                description,
                kms_key.as_deref(),
            ),
            Sink::File(path) => write_file(path, secret),
        }
    }

    /// Empties a place; says whether it held anything.
    ///
    /// # Errors
    ///
    /// The place refuses.
    pub fn empty(&self, sink: &Sink) -> Result<bool, SinkError> {
        match sink {
            Sink::Ssm { name, region, .. } => self.parameters.delete(region.as_ref(), name),
            Sink::File(path) => match fs::remove_file(path) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(failed("remove", path)(error)),
            },
        }
    }
}

fn failed<E: std::fmt::Display>(doing: &'static str, path: &Path) -> impl Fn(E) -> SinkError {
    move |error| SinkError::File { doing, path: path.to_owned(), reason: error.to_string() }
}

fn read_file(path: &Path) -> Result<Option<SecretString>, SinkError> {
    // An empty file is one that somebody made room with.
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(_) | Err(_) => {}
    }
    secret_file(path).map(Some).map_err(failed("use", path))
}

/// A file beside the one that is meant, private from the first moment.
fn fresh(path: &Path) -> Result<tempfile::NamedTempFile, SinkError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    tempfile::NamedTempFile::new_in(folder).map_err(failed("write beside", path))
}

fn write_file(path: &Path, secret: &SecretString) -> Result<(), SinkError> {
    let refused = failed::<std::io::Error>("write", path);
    let mut file = fresh(path)?;
    writeln!(file, "{}", secret.expose_secret()).map_err(&refused)?;
    file.as_file().sync_all().map_err(&refused)?;
    file.persist(path).map(drop).map_err(|error| refused(error.error))
}

#[cfg(feature = "aws")]
mod real {
    use std::cell::{OnceCell, RefCell};
    use std::collections::BTreeSet;

    use secrecy::SecretString;

    use super::{Ec2Access, Region, SinkError};
    use crate::aws::{Aws, AwsError};
    use crate::drive::ec2::aws_config;

    impl From<AwsError> for SinkError {
        fn from(error: AwsError) -> Self {
            Self::Aws(error.to_string())
        }
    }

    /// Systems Manager, connected to when it is needed.
    pub(super) struct Parameters {
        access: Ec2Access,
        aws: OnceCell<Aws>,
        plain: RefCell<BTreeSet<String>>,
    }

    impl Parameters {
        pub(super) fn new(access: Ec2Access) -> Self {
            Self { access, aws: OnceCell::new(), plain: RefCell::default() }
        }

        fn aws(&self) -> Result<&Aws, SinkError> {
            if let Some(aws) = self.aws.get() {
                return Ok(aws);
            }
            let aws = Aws::connect(aws_config(&self.access))?;
            Ok(self.aws.get_or_init(|| aws))
        }

        /// Asks in the region named, or in the usual one.
        fn asked(&self, region: Option<&Region>) -> Result<(&Aws, Region), SinkError> {
            let aws = self.aws()?;
            Ok((aws, region.cloned().unwrap_or_else(|| aws.usual_region())))
        }

        pub(super) fn read(
            &self,
            region: Option<&Region>,
            name: &str,
        ) -> Result<Option<SecretString>, SinkError> {
            let (aws, region) = self.asked(region)?;
            let read = aws.secret_parameter(&region, name)?;
            if matches!(read, Some((_, false))) {
                self.plain.borrow_mut().insert(name.to_owned());
            }
            Ok(read.map(|(secret, _)| secret))
        }

        /// Those that were read and are not encrypted.
        pub(super) fn plain(&self) -> Vec<String> {
            self.plain.borrow().iter().cloned().collect()
        }

        pub(super) fn store(
            &self,
            region: Option<&Region>,
            name: &str,
            secret: &SecretString,
            description: &str,
            kms_key: Option<&str>,
        ) -> Result<(), SinkError> {
            let (aws, region) = self.asked(region)?;
            Ok(aws.store_secret_parameter(&region, name, secret, description, kms_key)?)
        }

        pub(super) fn delete(
            &self,
            region: Option<&Region>,
            name: &str,
        ) -> Result<bool, SinkError> {
            let (aws, region) = self.asked(region)?;
            Ok(aws.delete_parameter(&region, name)?)
        }
    }
}

#[cfg(not(feature = "aws"))]
mod real {
    use secrecy::SecretString;

    use super::{Ec2Access, Region, SinkError};

    /// What says that there is no Systems Manager in this build.
    pub(super) struct Parameters;

    impl Parameters {
        pub(super) fn new(_access: Ec2Access) -> Self {
            Self
        }

        pub(super) fn plain(&self) -> Vec<String> {
            Vec::new()
        }

        pub(super) fn read(
            &self,
            _region: Option<&Region>,
            name: &str,
        ) -> Result<Option<SecretString>, SinkError> {
            Err(SinkError::NotBuilt(name.to_owned()))
        }

        pub(super) fn store(
            &self,
            _region: Option<&Region>,
            name: &str,
            _secret: &SecretString,
            _description: &str,
            _kms_key: Option<&str>,
        ) -> Result<(), SinkError> {
            Err(SinkError::NotBuilt(name.to_owned()))
        }

        pub(super) fn delete(
            &self,
            _region: Option<&Region>,
            name: &str,
        ) -> Result<bool, SinkError> {
            Err(SinkError::NotBuilt(name.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    fn sinks(path: &Path) -> Sinks {
        let access = Ec2Access {
            profile: None,
            endpoint_url: None,
            use_metadata_service: false,
            timeout: Duration::from_secs(1),
        };
        Sinks::new(vec![Sink::File(path.to_owned())], access)
    }

    #[test]
    fn a_file_is_private_whole_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let sinks = sinks(&path);
        assert!(sinks.read().unwrap()[0].is_none(), "an empty file holds nothing");
        sinks.try_out().unwrap();
        for secret in ["first", "second"] {
            sinks.store(&sinks.all()[0], &SecretString::from(secret), "").unwrap();
            assert_eq!(sinks.read().unwrap()[0].as_ref().unwrap().expose_secret(), secret);
        }
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(sinks.empty(&sinks.all()[0]).unwrap());
        assert!(!sinks.empty(&sinks.all()[0]).unwrap());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_found_out_beforehand() {
        let error = sinks(Path::new("/nowhere/at/all")).try_out().unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
