//! The command `doctor`: what is set, from where, and whether it works.

mod organisation;
mod roles;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::Value;

use super::arguments::{DoctorArguments, OutputForm};
use super::failure::{CREDENTIALS, Failure, OTHER};
use super::inventory::{cache_folder, concurrency};
use super::inventory_file::read;
use super::output;
use crate::domain::one_line;
use crate::drive::{
    Cache, Ec2Error, Environment, Session, SessionOptions, aws_identity, ec2_access,
};
use crate::plan::account::Link;
use crate::plan::inventory::{Ec2Mode, FileOptions};
use crate::spot::{Client, ErrorKind, SpotError};

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
struct Check {
    check: &'static str,
    health: Health,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip)]
    code: u8,
}

impl Check {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, health: Health::Ok, found: found.into(), advice: None, code: 0 }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: &str) -> Self {
        Self { advice: Some(advice.to_owned()), health: Health::Warn, ..Self::ok(check, found) }
    }

    fn fail(check: &'static str, found: impl Into<String>, code: u8, advice: &str) -> Self {
        Self { health: Health::Fail, code, ..Self::warn(check, found, advice) }
    }
}

/// Runs every check, prints them all, and answers the exit code of the first that failed.
pub(super) fn run(arguments: &DoctorArguments, environment: &Environment) -> Result<u8, Failure> {
    let options = arguments.config.as_deref().map(read).transpose()?.unwrap_or_default();
    let mut checks = vec![build()];
    match Session::open(&SessionOptions::from(&options), environment, fastrand::u64(..)) {
        Ok(session) => {
            checks.extend(credentials(&session));
            checks.extend(settings(&options, environment, &session));
            let (found, links) = api(&session);
            checks.extend(found);
            let session_options = SessionOptions::from(&options);
            let kept = organisation::external_id(
                arguments,
                &session_options,
                environment,
                &session,
                &links,
            );
            let (check, kept) = kept.map_or((None, None), |(check, kept)| (Some(check), kept));
            checks.extend(check);
            if options.ec2_mode().is_ok_and(|mode| mode != Ec2Mode::Never) {
                let access = ec2_access(&session_options, environment);
                let named = arguments.role.as_deref();
                checks.extend(roles::checks(&access, &links, kept.as_ref(), named));
            }
        }
        Err(error) => {
            let failure = Failure::from(error);
            checks.push(Check::fail(
                "settings",
                failure.line(),
                failure.code,
                "correct the setting",
            ));
        }
    }
    checks.extend([aws(&options, environment), cache(&options, environment)]);
    checks.extend(ansible());
    let code =
        checks.iter().find(|check| check.health == Health::Fail).map_or(0, |check| check.code);
    output::data(&render(&checks, arguments.output)?)?;
    Ok(code)
}

fn build() -> Check {
    let aws = if cfg!(feature = "aws") { "with" } else { "without" };
    Check::ok("program", format!("spotinst-esg {} {aws} AWS support", env!("CARGO_PKG_VERSION")))
}

fn credentials(session: &Session) -> Vec<Check> {
    let file = session.credentials_path.display().to_string();
    let token = match &session.credentials.token {
        Some(token) => Check::ok("token", format!("from {}", token.source)),
        None => Check::fail(
            "token",
            format!("not set; looked at SPOTINST_API_TOKEN, SPOTINST_TOKEN and {file}"),
            CREDENTIALS,
            "make a token in the Spot console (Settings, API) and export SPOTINST_API_TOKEN",
        ),
    };
    let account = match &session.credentials.accounts {
        Some(accounts) => {
            let ids: Vec<&str> = accounts.value.iter().map(|id| id.as_str()).collect();
            Check::ok("account", format!("{} from {}", ids.join(", "), accounts.source))
        }
        None => Check::fail(
            "account",
            format!("not set; looked at SPOTINST_ACCOUNT_ID, SPOTINST_ACCOUNT and {file}"),
            CREDENTIALS,
            "export SPOTINST_ACCOUNT_ID=act-…; the Spot console shows it under Settings, Account",
        ),
    };
    let endpoint = &session.endpoint;
    let endpoint = Check::ok("endpoint", format!("{} from {}", endpoint.endpoint, endpoint.source));
    let mut checks = vec![token, account, endpoint];
    for oddity in &session.credentials.oddities {
        checks.push(Check::warn("credentials file", oddity.clone(), "mend the file as it says"));
    }
    if let Some(notice) = session.pacing.notice() {
        checks.push(Check::warn(
            "rate limits",
            notice,
            "make the cache folder writable, so that processes share limits",
        ));
    }
    checks
}

/// What else shapes a listing, and who says so.
fn settings(options: &FileOptions, environment: &Environment, session: &Session) -> Vec<Check> {
    let by = |is_option: bool| if is_option { "option" } else { "default" };
    let timeout = format!("{} s ({})", session.timeout.as_secs(), by(options.timeout.is_some()));
    let concurrency = match concurrency(options) {
        Ok(calls) => Check::ok(
            "concurrency",
            format!("{calls} calls ({})", by(options.concurrency.is_some())),
        ),
        Err(failure) => {
            Check::fail("concurrency", failure.line(), failure.code, "correct the option")
        }
    };
    let profile =
        match (&options.aws_profile, environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])) {
            (Some(profile), _) => format!("{profile} from option aws_profile"),
            (None, Some((name, profile))) => format!("{profile} from environment {name}"),
            (None, None) => "none named; the AWS SDK looks at its own places".to_owned(),
        };
    let cache = match (options.cache, environment.is_true("ANSIBLE_INVENTORY_CACHE")) {
        (Some(true), _) => "on (option cache)",
        (Some(false), _) => "off (option cache)",
        (None, true) => "on (environment ANSIBLE_INVENTORY_CACHE)",
        (None, false) => "off (default)",
    };
    vec![
        Check::ok("timeout", timeout),
        concurrency,
        Check::ok("aws profile", profile),
        Check::ok("caching", cache),
    ]
}

fn api(session: &Session) -> (Vec<Check>, Vec<Link>) {
    let Ok(token) = session.token() else { return (Vec::new(), Vec::new()) };
    let client = match session.client(token.clone()) {
        Ok(client) => client,
        Err(error) => return (vec![failed("api", &error)], Vec::new()),
    };
    let mut checks = vec![visible_accounts(&client)];
    for account in session.accounts().unwrap_or_default() {
        match client.list_groups(&account) {
            Ok(listed) => {
                let odd = listed.oddities.iter().chain(&listed.left_out);
                let advice = "the vendor's answer is odd; what is listed may be incomplete";
                checks.extend(odd.map(|text| Check::warn("groups", text.clone(), advice)));
                let stateful = listed.items.iter().filter(|g| g.persistence.is_stateful()).count();
                let regions: BTreeSet<&str> = listed
                    .items
                    .iter()
                    .filter_map(|g| g.region.as_ref())
                    .map(|r| r.as_str())
                    .collect();
                let regions: Vec<&str> = regions.into_iter().collect();
                let found = format!(
                    "{account}: {} groups, {stateful} of them stateful, in {}",
                    listed.items.len(),
                    if regions.is_empty() { "no region".to_owned() } else { regions.join(", ") }
                );
                checks.push(Check::ok("groups", found));
            }
            Err(error) => checks.push(failed("groups", &error)),
        }
    }
    let (check, owner) = organisation::owner(&client, &token);
    checks.extend([check, organisation::rights(&client, owner.as_ref())]);
    let accounts = session.accounts().unwrap_or_default();
    checks.extend(organisation::changes(owner.as_ref(), &accounts));
    let (connections, links) = organisation::connections(&client, session);
    checks.extend(connections);
    for budget in client.budgets() {
        let (limit, remaining) = match (budget.limit, budget.remaining) {
            (Some(limit), Some(remaining)) => (limit, remaining),
            _ => continue,
        };
        let reset = budget
            .reset_in
            .map(|reset| format!(", next in {} s", reset.as_secs()))
            .unwrap_or_default();
        let found = format!("{}: {remaining} of {limit} left{reset}", budget.route);
        checks.push(if remaining == 0 {
            Check::warn("rate limit", found, "wait; a request sent now would extend the block")
        } else {
            Check::ok("rate limit", found)
        });
    }
    (checks, links)
}

/// Listing accounts needs an organisation administrator's token, which most work does not.
fn visible_accounts(client: &Client) -> Check {
    match client.list_accounts(None) {
        Ok(listed) => {
            let names: Vec<String> = listed
                .items
                .iter()
                .map(|account| format!("{} ({})", account.id, account.name))
                .collect();
            Check::ok(
                "accounts",
                if names.is_empty() { "none visible".to_owned() } else { names.join(", ") },
            )
        }
        Err(error @ SpotError::Unauthorized { .. }) => failed("accounts", &error),
        Err(error) => Check::warn(
            "accounts",
            error.to_string(),
            "only an organisation administrator's token may list accounts; the rest works without",
        ),
    }
}

fn failed(check: &'static str, error: &SpotError) -> Check {
    let advice = match error.kind() {
        ErrorKind::Usage => "correct the setting that it names",
        ErrorKind::Credentials => {
            "make a new token in the Spot console (Settings, API), or widen its policy"
        }
        ErrorKind::NotFound => "compare the id with those that the Spot console shows",
        ErrorKind::RateLimited => "wait that long: each request during a block extends it",
        ErrorKind::Timeout => "try again, or give it more time with the option timeout",
        ErrorKind::Other => "check the network, a proxy in between, and the address",
    };
    Check::fail(check, error.to_string(), error.kind().into(), advice)
}

fn aws(options: &FileOptions, environment: &Environment) -> Check {
    let mode = match options.ec2_mode() {
        Ok(mode) => mode,
        Err(error) => {
            return Check::fail(
                "aws",
                error.to_string(),
                super::failure::USAGE,
                "correct the option",
            );
        }
    };
    if mode == Ec2Mode::Never {
        return Check::ok("aws", "not asked, as `ec2: false` says");
    }
    match (aws_identity(&ec2_access(&SessionOptions::from(options), environment)), mode) {
        (Ok(identity), _) => Check::ok("aws", identity),
        (Err(error @ (Ec2Error::NoCredentials(_) | Ec2Error::NotBuilt)), Ec2Mode::Auto) => {
            Check::ok("aws", format!("not used: {error}; the group status serves instead"))
        }
        (Err(error), Ec2Mode::Auto) => {
            Check::warn("aws", error.to_string(), "the group status serves until this is mended")
        }
        (Err(error), Ec2Mode::Always | Ec2Mode::Never) => {
            Check::fail("aws", error.to_string(), (&error).into(), "mend it, or set ec2: auto")
        }
    }
}

fn cache(options: &FileOptions, environment: &Environment) -> Check {
    let Some(folder) = cache_folder(options, environment) else {
        return Check::warn(
            "cache",
            "no home folder is known",
            "name a folder with cache_connection",
        );
    };
    match Cache::try_folder(&folder) {
        Ok(()) => Check::ok("cache", format!("{} is usable", folder.display())),
        Err(error) => Check::fail(
            "cache",
            error.to_string(),
            OTHER,
            "name another folder with cache_connection",
        ),
    }
}

fn ansible() -> Vec<Check> {
    let version = Command::new("ansible").arg("--version").stdin(Stdio::null()).output();
    let version = match version {
        Ok(out) if out.status.success() => out.stdout,
        Ok(out) => {
            let found = String::from_utf8_lossy(&out.stderr).into_owned();
            return vec![Check::warn(
                "ansible",
                found,
                "run `ansible --version` and mend what it says",
            )];
        }
        Err(_) => {
            return vec![Check::warn(
                "ansible",
                "not on PATH",
                "pip install ansible-core, if playbooks are to run here",
            )];
        }
    };
    let first = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    let arguments = ["collection", "list", "spotinst.esg", "--format", "json"];
    let list = Command::new("ansible-galaxy").args(arguments).stdin(Stdio::null()).output();
    let list = list.ok().and_then(|out| serde_json::from_slice::<Value>(&out.stdout).ok());
    let found =
        list.as_ref().and_then(Value::as_object).into_iter().flatten().find_map(|(path, of)| {
            let version = of.get("spotinst.esg")?.get("version")?.as_str()?;
            Some(format!("spotinst.esg {version} in {path}"))
        });
    let collection = match found {
        Some(found) => Check::ok("collection", found),
        None => Check::warn(
            "collection",
            "Ansible does not find spotinst.esg",
            "install the collection, or export ANSIBLE_CONFIG with a collections_path that holds it",
        ),
    };
    vec![Check::ok("ansible", first), collection]
}

fn render(checks: &[Check], form: OutputForm) -> Result<Vec<u8>, Failure> {
    let fail = |why: String| Failure::new(OTHER, format!("cannot write the report: {why}"));
    let text = match form {
        OutputForm::Json => {
            serde_json::to_string_pretty(checks).map_err(|e| fail(e.to_string()))? + "\n"
        }
        OutputForm::Yaml => serde_yaml::to_string(&checks).map_err(|e| fail(e.to_string()))?,
        OutputForm::Table => {
            let mut text = String::new();
            for check in checks {
                let mark = match check.health {
                    Health::Ok => "ok  ",
                    Health::Warn => "warn",
                    Health::Fail => "FAIL",
                };
                text += &format!("{mark}  {:<16}  {}\n", check.check, one_line(&check.found));
                if let Some(advice) = &check.advice {
                    text += &format!("      {:<16}  -> {advice}\n", "");
                }
            }
            text
        }
    };
    Ok(text.into_bytes())
}
