//! A server on a thread of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::fleet::Fleet;
use crate::http::{Shared, lock, router};
use crate::request::{LoggedRequest, Outcome, Request};
use crate::simulation::Simulation;
use crate::wire::{CuttableListener, Scissors};

/// A running simulator on a thread and a tokio runtime of its own; it stops when dropped.
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
        let shared: Shared = Arc::new(Mutex::new(Simulation::new(fleet)));
        let (stop, stopped) = oneshot::channel::<()>();
        let app = router(Arc::clone(&shared)).into_make_service_with_connect_info::<Scissors>();
        let serve = move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    _ = axum::serve(CuttableListener(listener), app) => {}
                    _ = stopped => {}
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
        lock(&self.shared).control(method, path, &body).1
    }

    /// A request without the detour over HTTP. What should be cut is for the caller to cut, and no delay is waited for.
    #[must_use]
    pub fn handle(&self, request: &Request) -> Outcome {
        lock(&self.shared).handle(request)
    }

    /// The requests so far, oldest first; control requests are not among them.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.shared).requests()
    }

    /// The seed of this run, to be printed when something fails.
    #[must_use]
    pub fn seed(&self) -> u64 {
        lock(&self.shared).world.seed()
    }
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
