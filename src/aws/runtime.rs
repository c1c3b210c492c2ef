//! The one asynchronous runtime, behind calls that block.

use std::future::Future;

use super::AwsError;

/// A runtime on the caller's thread: the work is a handful of waits, not computation.
#[derive(Debug)]
pub(super) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(super) fn start() -> Result<Self, AwsError> {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        built
            .map(|runtime| Self(Some(runtime)))
            .map_err(|error| AwsError::Start { reason: error.to_string() })
    }

    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner().block_on(future)
    }

    /// Runs all futures at once; the answers come in the order of the questions.
    pub(super) fn block_on_all<K, F>(
        &self,
        jobs: impl Iterator<Item = (K, F)>,
    ) -> Vec<(K, F::Output)>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let runtime = self.inner();
        let running: Vec<_> = jobs.map(|(key, future)| (key, runtime.spawn(future))).collect();
        runtime.block_on(async {
            let mut answers = Vec::with_capacity(running.len());
            for (key, task) in running {
                match task.await {
                    Ok(answer) => answers.push((key, answer)),
                    // Tasks are never cancelled, so this is a panic of ours: it belongs to the caller.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
            answers
        })
    }

    fn inner(&self) -> &tokio::runtime::Runtime {
        self.0.as_ref().expect("the runtime lives until drop")
    }
}

impl Drop for Runtime {
    /// A name lookup that hangs runs on a thread that cannot be interrupted; an ordinary drop would wait for it.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
