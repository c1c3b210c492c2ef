//! A server on a thread of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::bench::Bench;
use crate::fleet::Fleet;
use crate::hooks::Job;
use crate::http::{Shared, router};
use crate::request::{LoggedRequest, Outcome, Request};
use crate::runner::Runner;
use crate::simulation::Simulation;
use crate::volumes::Volumes;
use crate::wire::{CuttableListener, Scissors};

/// A running simulator on a thread and a tokio runtime of its own; it stops when dropped, after the terminate hook of
/// each live machine was run.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the fleet on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port or thread can be had.
    pub fn start(fleet: Fleet) -> io::Result<Server> {
        Server::start_on(fleet, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Serves the fleet on the given address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not a loopback address, is taken, or no thread can be had.
    pub fn start_on(fleet: Fleet, address: SocketAddr) -> io::Result<Server> {
        if !address.ip().is_loopback() {
            let problem = format!(
                "refusing to listen on {address}: the simulator checks no real credentials and takes control \
                 requests from anyone, so it serves loopback addresses only (such as 127.0.0.1:0)"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, hooked) = prepared(fleet)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let app = router(Arc::clone(&shared)).into_make_service_with_connect_info::<Scissors>();
        let serve = move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let (end_hooks, hooks_end) = oneshot::channel::<()>();
                let runner = hooked.map(|(runner, jobs)| {
                    let end = async move { hooks_end.await.unwrap_or_default() };
                    tokio::spawn(runner.run(jobs, end))
                });
                tokio::select! {
                    _ = axum::serve(CuttableListener(listener), app) => {}
                    _ = stopped => {}
                }
                end_hooks.send(()).ok();
                if let Some(runner) = runner {
                    runner.await.ok();
                }
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("spot-sim".to_owned()).spawn(serve)?;
        Ok(Server { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, such as `http://127.0.0.1:4711`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A control request without the detour over HTTP; answers what HTTP would have in its body.
    pub fn control(&self, method: &str, path: &str, body: Value) -> Value {
        self.shared.control(method, path, &body).1
    }

    /// A request without the detour over HTTP. What should be cut is for the caller to cut, and no delay is waited for.
    #[must_use]
    pub fn handle(&self, request: &Request) -> Outcome {
        self.shared.lock().handle(request)
    }

    /// The requests so far, oldest first; control requests are not among them.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.lock().requests()
    }

    /// The seed of this run, to be printed when something fails.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.shared.lock().world.seed()
    }
}

/// What runs the hooks of a fleet, with where it hears of them.
type Hooked = (Arc<Runner>, mpsc::UnboundedReceiver<Job>);

/// The run, and what runs its hooks if it has any.
fn prepared(fleet: Fleet) -> io::Result<(Shared, Option<Hooked>)> {
    let hooked = fleet.has_hooks();
    let folder = fleet.volume_folder().map(std::path::Path::to_owned);
    let shared = Arc::new(Bench::new(Simulation::new(fleet)));
    if !hooked {
        return Ok((shared, None));
    }
    let folder = folder.ok_or_else(|| {
        let problem = "the fleet has hooks and names no folder for the volumes of its machines: give it \
                       `volume_folder`, or the program `--volumes DIR`";
        io::Error::new(io::ErrorKind::InvalidInput, problem)
    })?;
    let existing = shared.lock().world.hooked_volumes();
    let volumes = Volumes::open(&folder, existing).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot use {}: {error}", folder.display()))
    })?;
    let (sender, jobs) = mpsc::unbounded_channel();
    shared.lock().serve_hooks(sender);
    Ok((Arc::clone(&shared), Some((Runner::new(shared, volumes), jobs))))
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
