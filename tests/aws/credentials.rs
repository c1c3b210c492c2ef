//! The SDK's own chain of credentials, in processes whose environment is made for it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use spotinst_esg::aws::{Aws, AwsConfig};

use super::KEY;
use super::support::canned::{Canned, Reply};

/// Not a test by itself: what [`Machine::connect`] runs in another process.
#[test]
#[ignore = "runs as a child of other tests, with an environment of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "a child process is told by its environment what to do"
)]
fn child() {
    let Ok(profile) = std::env::var("ESG_TEST_CHILD_PROFILE") else { return };
    let config = AwsConfig {
        profile: Some(profile).filter(|name| !name.is_empty()),
        use_metadata_service: false,
        timeout: Duration::from_secs(20),
        ..AwsConfig::default()
    };
    let outcome = Aws::connect(config).and_then(|aws| aws.identity());
    match outcome {
        Ok(identity) => println!("[[Ok {}]]", identity.arn),
        Err(error) => println!("[[{error:?} {error}]]"),
    }
}

/// A user's machine: a home folder and an environment.
struct Machine {
    home: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

impl Machine {
    fn new(aws_config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/config"), aws_config).unwrap();
        Self { home, env: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// Connects there, asks for the identity, and returns what came of it.
    fn connect(&self, profile: &str) -> String {
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "credentials::child", "--ignored", "--nocapture"])
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("ESG_TEST_CHILD_PROFILE", profile)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let outcome = said.split_once("[[").and_then(|(_, rest)| rest.split_once("]]"));
        outcome
            .unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&ran.stderr)))
            .0
            .to_owned()
    }
}

/// STS, naming the key it was called with.
fn whose_key() -> Canned {
    Canned::start(|request| {
        let key = request.head.split_once("Credential=").unwrap().1.split('/').next().unwrap();
        Reply::xml(
            200,
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>{key}</Arn><UserId>u</UserId><Account>1</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            ),
        )
    })
}

#[test]
fn a_machine_without_credentials_has_none() {
    for config in ["", "[default]\nregion = eu-west-1\n"] {
        let said = Machine::new(config).connect("");
        assert!(
            said.starts_with("NoCredentials load AWS credentials: none are configured"),
            "{said}"
        );
    }
}

#[test]
fn a_profile_that_does_not_exist_is_told_as_such() {
    let config = "[profile prod]\nregion = eu-west-1\n";
    for said in [
        Machine::new(config).connect("ghost"),
        Machine::new("").connect("ghost"),
        Machine::new(config).with("AWS_PROFILE", "ghost").connect(""),
    ] {
        assert!(said.starts_with("Credentials"), "{said}");
        assert!(said.ends_with("compare the name with `aws configure list-profiles`"), "{said}");
    }
}

#[test]
fn an_sso_login_that_is_missing_or_over_says_which_command_renews_it() {
    let machine = Machine::new(
        "[profile prod]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = admin\n\
         [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.example.com/start\n",
    );
    let said = machine.connect("prod");
    assert!(said.starts_with("Credentials"), "{said}");
    assert!(said.ends_with("run `aws sso login --profile prod`"), "{said}");
}

#[test]
fn what_a_credential_helper_writes_is_not_repeated() {
    let helper =
        "[profile prod]\ncredential_process = sh -c \"echo AKIAIOSFODNN7EXAMPLE >&2; exit 1\"\n";
    let said = Machine::new(helper).connect("prod");
    assert!(said.starts_with("Credentials") && said.contains("--profile prod"), "{said}");
    assert!(!said.contains(KEY), "{said}");
}

#[test]
fn the_environment_is_the_sdks_own_and_a_named_profile_beats_its_keys() {
    let sts = whose_key();
    let machine = Machine::new(
        "[profile prod]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile\n",
    )
    .with("AWS_ENDPOINT_URL", sts.url())
    .with("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    .with("AWS_SECRET_ACCESS_KEY", "environment");
    assert_eq!(machine.connect(""), "Ok AKIAENVIRONMENT");
    assert_eq!(machine.connect("prod"), "Ok AKIAPROFILE");
}

#[test]
fn endpoints_from_the_environment_are_checked_too() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
        let said = Machine::new("")
            .with("AWS_ACCESS_KEY_ID", KEY)
            .with("AWS_SECRET_ACCESS_KEY", "environment")
            .with(name, "http://192.0.2.1")
            .connect("");
        assert!(said.starts_with("Endpoint") && said.contains("loopback only"), "{name}: {said}");
    }
}
