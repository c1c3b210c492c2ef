//! Many calls at a time, answers in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::progress::Progress;

/// How often it is looked whether a word is due.
const TICK: Duration = Duration::from_millis(250);

/// Runs `run` on each job, at most `workers` at once; answers in the order of the jobs. While it lasts `line` tells how
/// many are done.
pub(super) fn each<J: Sync, R: Send>(
    jobs: &[J],
    workers: usize,
    progress: &Progress<'_>,
    line: impl Fn(usize) -> String,
    run: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1).min(jobs.len()) {
            let (sender, next, run) = (sender.clone(), &next, &run);
            scope.spawn(move || {
                while let Some((at, job)) = take(jobs, next) {
                    // Fails only if the collecting side is gone, and then nobody wants the rest.
                    if sender.send((at, run(job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut results: BTreeMap<usize, R> = BTreeMap::new();
        loop {
            match receiver.recv_timeout(TICK) {
                Ok((at, result)) => drop(results.insert(at, result)),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            progress.tick(|| line(results.len()));
        }
        results.into_values().collect()
    })
}

/// Reads two things, at the same time if `at_once`, else the second after the first. Where both fail the first one's error is
/// told, so that it does not hang on which was quicker; one after the other the second is not even tried then.
///
/// # Errors
///
/// The first one's, else the second one's.
pub(super) fn both<A, B: Send, E: Send>(
    at_once: bool,
    first: impl FnOnce() -> Result<A, E>,
    second: impl FnOnce() -> Result<B, E> + Send,
) -> Result<(A, B), E> {
    if !at_once {
        return Ok((first()?, second()?));
    }
    std::thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        let second = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((first?, second?))
    })
}

/// Runs `work` and speaks of it while it lasts.
pub fn watched<R: Send>(progress: &Progress<'_>, line: &str, work: impl FnOnce() -> R + Send) -> R {
    let (sender, receiver) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _ends_the_wait = sender;
            work()
        });
        while receiver.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            progress.tick(|| line.to_owned());
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn take<'j, J>(jobs: &'j [J], next: &AtomicUsize) -> Option<(usize, &'j J)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(at).map(|job| (at, job))
}
