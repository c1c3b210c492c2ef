//! Runs the commands of a fleet for machines that appear and go, off the path of requests.
//!
//! Commands for one instance run one after the other, those of several instances beside each other. Their output goes to
//! files, not through pipes: what a launch leaves running in the background must not keep anyone waiting.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::hooks::{Job, JobKind};
use crate::volumes::Volumes;

/// Commands that run at once.
const AT_ONCE: usize = 8;
/// How often a clock that runs by itself is looked at, in real milliseconds.
const TICK: Duration = Duration::from_millis(20);
/// Characters of a hook's last line that go to the log of the group.
const LINE: usize = 300;

/// Runs jobs until it is closed.
#[derive(Debug)]
pub(crate) struct Runner {
    bench: Arc<Bench>,
    volumes: Mutex<Volumes>,
    /// Machines whose launch was begun and whose termination was not.
    live: Mutex<BTreeMap<String, Job>>,
    turns: Mutex<HashMap<String, Arc<Turn<()>>>>,
    slots: Semaphore,
    closing: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runner {
    pub(crate) fn new(bench: Arc<Bench>, volumes: Volumes) -> Arc<Runner> {
        Arc::new(Runner {
            bench,
            volumes: Mutex::new(volumes),
            live: Mutex::default(),
            turns: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
            closing: AtomicBool::new(false),
        })
    }

    /// Runs what comes until `stopped` resolves; then ends all machines and returns.
    pub(crate) async fn run(
        self: Arc<Runner>,
        mut jobs: UnboundedReceiver<Job>,
        stopped: impl Future<Output = ()>,
    ) {
        let mut tasks = JoinSet::new();
        let mut clock = tokio::time::interval(TICK);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                job = jobs.recv() => match job {
                    Some(job) => { tasks.spawn(Arc::clone(&self).take(job)); }
                    None => break,
                },
                _ = clock.tick() => self.bench.lock().tick(),
                Some(_) = tasks.join_next() => {}
            }
        }
        self.closing.store(true, Ordering::SeqCst);
        self.bench.close();
        while let Ok(job) = jobs.try_recv() {
            tasks.spawn(Arc::clone(&self).take(job));
        }
        while tasks.join_next().await.is_some() {}
        let rest: Vec<Job> = locked(&self.live).values().cloned().collect();
        for job in rest {
            let job = Job { kind: JobKind::Terminated, discarded: Vec::new(), ..job };
            tasks.spawn(Arc::clone(&self).take(job));
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Waits for the job's turn and carries it out.
    async fn take(self: Arc<Runner>, job: Job) {
        let key = if job.stateful_id.is_empty() { &job.instance_id } else { &job.stateful_id };
        let turn = Arc::clone(locked(&self.turns).entry(key.clone()).or_default());
        let _turn = turn.lock().await;
        let Ok(_slot) = self.slots.acquire().await else { return };
        // What has not been begun when the end comes need not begin any more.
        if job.kind == JobKind::Launched && self.closing.load(Ordering::SeqCst) {
            return;
        }
        let failure = self.carry_out(&job).await.err();
        self.bench.job_ended(&job, failure.as_deref());
    }

    async fn carry_out(&self, job: &Job) -> Result<(), String> {
        let outcome = match job.kind {
            JobKind::Launched => {
                let attached = locked(&self.volumes).attach(&job.instance_id, &job.volumes);
                attached.map_err(|error| format!("its folders: {error}"))?;
                locked(&self.live).insert(job.instance_id.clone(), job.clone());
                self.hook(job, "launch", &job.hooks.launch).await
            }
            JobKind::Terminated => {
                locked(&self.live).remove(&job.instance_id);
                let outcome = self.hook(job, "terminate", &job.hooks.terminate).await;
                let folders = locked(&self.volumes).detach(&job.instance_id);
                outcome.and(folders.map_err(|error| format!("its folder: {error}")))
            }
            JobKind::Discarded => Ok(()),
        };
        let discarded = locked(&self.volumes).discard(&job.discarded);
        outcome.and(discarded.map_err(|error| format!("its volumes: {error}")))
    }

    /// Runs one command; without a command there is nothing to do.
    async fn hook(&self, job: &Job, name: &str, command: &[String]) -> Result<(), String> {
        let Some((program, arguments)) = command.split_first() else { return Ok(()) };
        let (environment, log) = {
            let volumes = locked(&self.volumes);
            let environment = environment(job, &volumes);
            let log = volumes.log(&job.instance_id, name);
            (environment, log)
        };
        let environment = environment.map_err(|error| error.to_string())?;
        let log = log.map_err(|error| error.to_string())?;
        let output = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = output.map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new(program);
        command.args(arguments).envs(environment).stdin(Stdio::null()).stdout(out).stderr(err);
        // A group of its own: an interrupt at the terminal must not reach what still has to run.
        let child = command.process_group(0).kill_on_drop(true).spawn();
        let mut child = child.map_err(|error| format!("cannot run {program}: {error}"))?;
        let limit = Duration::from_secs_f64(job.hooks.timeout_seconds);
        match tokio::time::timeout(limit, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(ended(status, &log)),
            Err(_) => {
                kill(&mut child).await;
                let seconds = job.hooks.timeout_seconds;
                Err(told(&format!("it did not end within {seconds} s"), &log))
            }
        }
    }
}

/// Kills a command with everything in its group.
async fn kill(child: &mut Child) {
    if let Some(id) = child.id() {
        let command = format!("kill -s KILL -- -{id}");
        Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status().await.ok();
    }
    child.kill().await.ok();
}

/// What a command is told about its machine.
fn environment(job: &Job, volumes: &Volumes) -> io::Result<Vec<(&'static str, String)>> {
    let mut folders = Vec::new();
    let mut listed: Vec<Value> = Vec::new();
    for device in &job.volumes {
        let folder = volumes.folder(&device.volume)?.display().to_string();
        listed
            .push(json!({"deviceName": device.name, "volumeId": device.volume, "folder": folder}));
        folders.push(folder);
    }
    Ok(vec![
        ("SPOT_SIM_GROUP_ID", job.group_id.clone()),
        ("SPOT_SIM_GROUP_NAME", job.group_name.clone()),
        ("SPOT_SIM_INSTANCE_ID", job.instance_id.clone()),
        ("SPOT_SIM_STATEFUL_ID", job.stateful_id.clone()),
        ("SPOT_SIM_IMAGE_ID", job.image.clone()),
        ("SPOT_SIM_PRIVATE_IP", job.private_ip.clone()),
        ("SPOT_SIM_ZONE", job.zone.clone()),
        ("SPOT_SIM_VOLUMES", Value::Array(listed).to_string()),
        ("SPOT_SIM_VOLUME_FOLDER", folders.into_iter().next().unwrap_or_default()),
        ("SPOT_SIM_MACHINE_FOLDER", volumes.machine(&job.instance_id)?.display().to_string()),
    ])
}

fn ended(status: io::Result<ExitStatus>, log: &Path) -> String {
    match status {
        Ok(status) => told(&status.to_string(), log),
        Err(error) => error.to_string(),
    }
}

/// What went wrong, with the last line that the command wrote.
fn told(what: &str, log: &Path) -> String {
    match last_line(log) {
        Ok(Some(line)) => format!("{what}: {line}"),
        Ok(None) | Err(_) => what.to_owned(),
    }
}

fn last_line(log: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(log)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(4096)))?;
    let mut bytes = Vec::new();
    file.take(4096).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let harmless = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    Ok(line.map(|line| line.chars().take(LINE).map(harmless).collect()))
}
