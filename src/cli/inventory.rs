//! The command `inventory`, by its three ways in: a person, an executable file, the Ansible plugin.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use serde_json::value::RawValue;

use super::arguments::{InventoryArguments, OutputForm};
use super::failure::{Failure, NOT_FOUND, OTHER, USAGE};
use super::inventory_file::{PROTOCOL, read, read_request};
use super::output;
use super::parent;
use super::views;
use crate::domain::one_line;
use crate::drive::{
    Answer, CacheUse, Environment, InventoryRequest, Origin, Progress, Reader, Session,
    SessionOptions, Wanted, cache_key, ec2_access, inventory,
};
use crate::plan::inventory::{Constructed, FileOptions};

/// Most calls at once, unless the option `concurrency` says otherwise.
const DEFAULT_CONCURRENCY: u64 = 16;

/// An entry is fresh for this many seconds, unless the option `cache_timeout` says otherwise.
const DEFAULT_CACHE_TIMEOUT: u64 = 3600;

/// Runs the command.
pub(super) fn run(
    arguments: &InventoryArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    if arguments.ansible { serve_plugin(environment) } else { serve(arguments, environment) }
}

/// How an answer is to be come by, besides the options.
struct Asking {
    refresh: bool,
    reader: Option<Reader>,
    constructed: Constructed,
}

fn serve_plugin(environment: &Environment) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| {
        Failure::new(OTHER, format!("cannot read the plugin's request from stdin: {e}"))
    })?;
    let (request, options) = read_request(&bytes)?;
    // Ansible makes what is constructed itself, with all its filters.
    let asking =
        Asking { refresh: request.refresh, reader: None, constructed: Constructed::default() };
    let question = Question::new(&options, environment, asking)?;
    if request.only_key {
        let reply =
            serde_json::json!({"protocol": PROTOCOL, "cache_key": cache_key(&question.request)?});
        return output::data(reply.to_string().as_bytes());
    }
    let answer = question.answer(&|line| output::talk(&format!("progress: {line}")))?;
    #[derive(serde::Serialize)]
    struct Reply<'a> {
        protocol: u32,
        warnings: Vec<String>,
        complete: bool,
        document: &'a RawValue,
    }
    let reply = Reply {
        protocol: PROTOCOL,
        warnings: answer.warnings.iter().map(|warning| one_line(warning)).collect(),
        complete: answer.is_complete,
        document: &answer.document,
    };
    let json = serde_json::to_vec(&reply)
        .map_err(|e| Failure::new(OTHER, format!("cannot write the answer: {e}")))?;
    output::data(&json)
}

fn serve(arguments: &InventoryArguments, environment: &Environment) -> Result<(), Failure> {
    let file = arguments.script.as_ref().or(arguments.config.as_ref());
    let options = file.map(|path| read(path)).transpose()?.unwrap_or_default();
    let asking = Asking {
        refresh: arguments.refresh,
        reader: arguments.script.as_ref().and_then(|_| parent::ansible()),
        constructed: options.constructed(),
    };
    let spinner = output::stderr_is_terminal().then(spinner);
    let say = |line: &str| {
        if let Some(spinner) = &spinner {
            spinner.set_message(line.to_owned());
            spinner.tick();
        }
    };
    let answer = Question::new(&options, environment, asking)?.answer(&say);
    if let Some(spinner) = &spinner {
        spinner.finish_and_clear();
    }
    let answer = answer?;
    for warning in &answer.warnings {
        output::talk(&format!("warning: {}", one_line(warning)));
    }
    output::data(&view(arguments, &options, &answer)?)
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn view(
    arguments: &InventoryArguments,
    options: &FileOptions,
    answer: &Answer,
) -> Result<Vec<u8>, Failure> {
    let is_asked = arguments.list || arguments.host.is_some() || arguments.graph;
    let form = arguments.output.unwrap_or_else(|| {
        if !is_asked && arguments.script.is_none() && output::stdout_is_terminal() {
            OutputForm::Table
        } else {
            OutputForm::Json
        }
    });
    if let Some(host) = &arguments.host {
        let document = views::parse(&answer.document)?;
        let vars = views::host(&document, host).ok_or_else(|| {
            Failure::new(NOT_FOUND, format!("no host {host:?} in the inventory; --graph shows all"))
        })?;
        return views::render(&vars, form);
    }
    if arguments.graph {
        return Ok(views::graph(&views::parse(&answer.document)?).into_bytes());
    }
    match form {
        OutputForm::Json => {
            let mut bytes = answer.document.get().as_bytes().to_vec();
            bytes.push(b'\n');
            Ok(bytes)
        }
        OutputForm::Yaml => views::render(&views::parse(&answer.document)?, form),
        OutputForm::Table => {
            let prefix = options.hostvar_prefix.as_deref().unwrap_or("spotinst_");
            Ok(views::table(&views::parse(&answer.document)?, prefix).into_bytes())
        }
    }
}

/// An inventory to be made: everything is resolved, nothing is sent.
struct Question {
    session: Session,
    token: SecretString,
    request: InventoryRequest,
    warnings: Vec<String>,
}

impl Question {
    fn new(
        options: &FileOptions,
        environment: &Environment,
        asking: Asking,
    ) -> Result<Self, Failure> {
        let session_options = SessionOptions::from(options);
        let session = Session::open(&session_options, environment, fastrand::u64(..))?;
        let token = session.token()?;
        let document_options = options.document_options()?;
        let wanted = Wanted {
            accounts: session.accounts()?,
            scope: document_options.scope.clone(),
            include: document_options.include,
            ec2: options.ec2_mode()?,
            concurrency: concurrency(options)?,
        };
        let origin = Origin {
            endpoint: session.endpoint.endpoint.to_string(),
            token_digest: session.token_digest(),
            options: serde_json::json!([
                options.cache_key(),
                environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]),
            ]),
        };
        let mut warnings = session.credentials.oddities.clone();
        let (cache, cache_warning) = cache_use(options, environment, &session, &asking)?;
        warnings.extend(cache_warning);
        let request = InventoryRequest {
            wanted,
            options: document_options,
            constructed: asking.constructed,
            ec2: ec2_access(&session_options, environment),
            origin,
            cache,
        };
        Ok(Self { session, token, request, warnings })
    }

    fn answer(self, say: &(dyn Fn(&str) + Sync)) -> Result<Answer, Failure> {
        let Self { session, token, request, warnings } = self;
        let clock = session.clock.as_ref();
        let progress = Progress::new(clock, say);
        let mut answer = inventory(|| session.client(token), &request, clock, &progress)?;
        // The limits may have ceased to be shared only while the calls were made.
        answer.warnings.splice(0..0, warnings.into_iter().chain(session.pacing.notice()));
        Ok(answer)
    }
}

/// Most calls at once.
pub(super) fn concurrency(options: &FileOptions) -> Result<usize, Failure> {
    let typed = options.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
    match usize::try_from(typed) {
        Ok(calls @ 1..=256) => Ok(calls),
        _ => Err(Failure::new(
            USAGE,
            format!("option concurrency is {typed}; it is a number of calls from 1 to 256"),
        )),
    }
}

/// Where entries are kept; none if no folder is named and the user's home is not known.
pub(super) fn cache_folder(options: &FileOptions, environment: &Environment) -> Option<PathBuf> {
    let named = options.cache_connection.as_deref();
    match named.or_else(|| environment.get("ANSIBLE_INVENTORY_CACHE_CONNECTION")) {
        Some(named) => Some(environment.expand(named)),
        None => environment.cache_folder().map(|folder| folder.join("inventory")),
    }
}

/// How the cache is used, and a warning if it was asked for and cannot be.
fn cache_use(
    options: &FileOptions,
    environment: &Environment,
    session: &Session,
    asking: &Asking,
) -> Result<(Option<CacheUse>, Option<String>), Failure> {
    let is_on = options.cache.unwrap_or_else(|| environment.is_true("ANSIBLE_INVENTORY_CACHE"));
    if !is_on {
        return Ok((None, None));
    }
    if let Some(plugin) = &options.cache_plugin
        && !["jsonfile", "ansible.builtin.jsonfile"].contains(&plugin.as_str())
    {
        let text = format!(
            "cache: the cache plugin {plugin:?} works through the Ansible plugin only; nothing is cached"
        );
        return Ok((None, Some(text)));
    }
    let Some(folder) = cache_folder(options, environment) else {
        let text = "cache: no home folder is known, so nothing is cached; name a folder with cache_connection";
        return Ok((None, Some(text.to_owned())));
    };
    let timeout = match (options.cache_timeout, environment.get("ANSIBLE_INVENTORY_CACHE_TIMEOUT"))
    {
        (Some(seconds), _) => seconds,
        (None, Some(text)) => text.parse().map_err(|_| {
            let text =
                format!("ANSIBLE_INVENTORY_CACHE_TIMEOUT is {text:?}; it is a number of seconds");
            Failure::new(USAGE, text)
        })?,
        (None, None) => DEFAULT_CACHE_TIMEOUT,
    };
    let using = CacheUse {
        folder,
        timeout: Duration::from_secs(timeout),
        stale_if_error: Duration::from_secs(options.stale_if_error.unwrap_or(0)),
        refresh: asking.refresh,
        reader: asking.reader.clone(),
        // The rest is for asking oneself, should the other fail.
        patience: session.timeout / 2,
    };
    Ok((Some(using), None))
}
