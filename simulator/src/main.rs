//! The command-line program of the simulator.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use spot_sim::{CONTROLS, ClockMode, DEMO_FLEET, Fleet, ROUTES, Server};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Simulates the Spot (ex-Spotinst) API for AWS Elastigroups on a loopback address.
#[derive(Parser)]
#[command(version, after_long_help = long_help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a fleet until SIGINT or SIGTERM.
    #[command(after_long_help = long_help())]
    Serve(Serve),
    /// Check or print fleet files.
    #[command(subcommand)]
    Fleet(FleetCommand),
    /// List what is simulated, with the source of each route.
    Routes,
}

#[derive(Args)]
struct Serve {
    /// The fleet file; `spot-sim fleet demo` prints one that explains all keys.
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    fleet: Option<PathBuf>,
    /// Serve the demo fleet (also the default): token `demo-token`, account `act-demo0001`.
    #[arg(long)]
    demo: bool,
    /// Where to listen; loopback addresses only, port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Seed of all ids and odds, instead of the fleet's.
    #[arg(long)]
    seed: Option<u64>,
    /// How virtual time passes, instead of the fleet's way.
    #[arg(long)]
    clock: Option<Mode>,
    /// Virtual seconds per real second, instead of the fleet's.
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<f64>,
    /// Keep the folders that stand for volumes below this one, instead of the fleet's `volume_folder`; for fleets with hooks.
    #[arg(long, value_name = "DIR")]
    volumes: Option<PathBuf>,
    /// Write the url to this file once it listens; the file appears whole or not at all.
    #[arg(long, value_name = "PATH")]
    url_file: Option<PathBuf>,
    /// End when standard input is closed, as it is when the parent process ends.
    #[arg(long)]
    exit_with_parent: bool,
    /// End by itself after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    exit_after: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Time runs, at `--speed`.
    Realtime,
    /// Time moves only by POST /_sim/advance.
    Virtual,
}

#[derive(Subcommand)]
enum FleetCommand {
    /// Read a fleet file and say what is in it, or what is wrong with it.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print the demo fleet, which explains all keys.
    Demo,
}

fn speed(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let sound = factor.is_finite() && factor >= 0.0;
    if sound { Ok(factor) } else { Err("must be zero or more".to_owned()) }
}

fn long_help() -> String {
    let controls =
        CONTROLS.iter().map(|(method, path, what)| format!("  {method:<6} {path:<16} {what}\n"));
    format!(
        "To try it:\n  \
         spot-sim serve --demo --listen 127.0.0.1:8600\n  \
         curl -H 'Authorization: Bearer demo-token' \
         'http://127.0.0.1:8600/aws/ec2/group?accountId=act-demo0001'\n\n\
         To point clients at it:\n  \
         export SPOTINST_BASE_URL=http://127.0.0.1:8600 SPOTINST_TOKEN=demo-token \
         SPOTINST_ACCOUNT=act-demo0001\n\n\
         Control requests go to the same port, need no token and count for no rate limit:\n{}\n\
         A fleet may have hooks, commands that are run for machines that appear and go; `spot-sim fleet demo` explains them.\n\n\
         A fault has a `kind` and says which requests it strikes: `route` (template or path), `method`, `nth`, `count`, \
         `probability`.\n  \
         curl -X POST http://127.0.0.1:8600/_sim/faults -d '{{\"kind\": \"status\", \"status\": 503, \"nth\": 2}}'\n",
        controls.collect::<String>()
    )
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(options) => serve(options),
        Command::Fleet(FleetCommand::Check { file }) => check(&file),
        Command::Fleet(FleetCommand::Demo) => {
            say(DEMO_FLEET.trim_end());
            Ok(())
        }
        Command::Routes => {
            for route in ROUTES {
                say(&format!("{:<6} {}\n       {}", route.method, route.template, route.source));
            }
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "standard output is where a program answers")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "standard error is where a program complains")]
fn complain(line: &str) {
    eprintln!("spot-sim: {line}");
}

fn check(file: &Path) -> Result<(), String> {
    let fleet = Fleet::from_file(file).map_err(|error| error.to_string())?;
    say(&format!("{}: {}", file.display(), fleet.summary()));
    Ok(())
}

fn serve(options: Serve) -> Result<(), String> {
    let mut fleet = match &options.fleet {
        Some(file) => Fleet::from_file(file).map_err(|error| error.to_string())?,
        None => Fleet::demo(),
    };
    if let Some(seed) = options.seed {
        fleet = fleet.with_seed(seed);
    }
    if let Some(folder) = &options.volumes {
        fleet = fleet.with_volume_folder(folder);
    }
    let mode = options.clock.map(|mode| match mode {
        Mode::Realtime => ClockMode::Realtime,
        Mode::Virtual => ClockMode::Virtual,
    });
    let fleet = fleet.with_clock(mode, options.speed);
    let (summary, seed) = (fleet.summary(), fleet.seed());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // Before the url is known to anyone, so that no early signal is missed.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let parent = parent_gone(options.exit_with_parent).map_err(|error| error.to_string())?;
        let server = Server::start_on(fleet, options.listen).map_err(|error| error.to_string())?;
        if let Some(path) = &options.url_file {
            write_whole(path, &server.url())
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        say(&format!("url: {}\nseed: {seed}\nfleet: {summary}", server.url()));
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = parent => {}
            () = time_up(options.exit_after) => {}
        }
        drop(server);
        Ok(())
    })
}

/// Resolves after so many seconds; never without a number.
async fn time_up(after_s: Option<u64>) {
    match after_s {
        Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// Resolves when standard input ends; never when that is not asked for.
fn parent_gone(asked: bool) -> io::Result<impl Future<Output = ()>> {
    let (ended, end) = oneshot::channel::<()>();
    if asked {
        // A thread of its own: reading standard input cannot be interrupted, and must not keep the runtime from ending.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let mut bytes = [0; 256];
            while matches!(io::stdin().read(&mut bytes), Ok(count) if count > 0) {}
            ended.send(()).ok();
        })?;
        return Ok(wait_for(Some(end)));
    }
    Ok(wait_for(None))
}

async fn wait_for(end: Option<oneshot::Receiver<()>>) {
    match end {
        Some(end) => {
            end.await.ok();
        }
        None => std::future::pending().await,
    }
}

/// Writes beside the file and renames, so that a reader never sees half a url.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    std::fs::write(&part, format!("{text}\n"))?;
    std::fs::rename(&part, path)
}
