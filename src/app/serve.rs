//! From a built server to a running one, and back: listeners, workers, signals, draining.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as WebApp, HttpServer};
use rustls::ServerConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::traffic::{self, Traffic};
use super::{App, StartError, listen, observe, tls};
use crate::config::{AdminAuth, Problem, Problems, Settings};
use crate::jobs;
use crate::web;

/// Which listeners are started.
#[derive(Clone, Copy, Debug)]
pub struct Listeners {
    /// For clients and people.
    pub public: bool,
    /// For operators.
    pub admin: bool,
    /// The demo app, on this port of this machine.
    pub demo: Option<u16>,
}

/// Listeners that have their addresses.
#[derive(Debug, Default)]
pub struct Bound {
    public: Vec<TcpListener>,
    admin: Vec<TcpListener>,
    demo: Vec<TcpListener>,
}

/// A running server.
pub struct Running {
    app: App,
    traffic: Data<Traffic>,
    handles: Vec<ServerHandle>,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
    jobs: JoinHandle<()>,
    stop_jobs: watch::Sender<bool>,
    signals: Signals,
}

/// Runs `work` on the event loop that servers need.
///
/// # Errors
/// Those of `work`.
pub fn run<T>(work: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    actix_web::rt::System::new().block_on(work)
}

/// Gives every listener its addresses, before anything else happens.
///
/// # Errors
/// [`StartError::Listen`] for the first address that is not to be had.
pub fn bind(settings: &Settings, listeners: &Listeners) -> Result<Bound, StartError> {
    let mut bound = Bound::default();
    if listeners.public {
        bound.public = listen::bind("public", "serve.public.port", &settings.public.addresses)?;
    }
    if listeners.admin {
        bound.admin = listen::bind("admin", "serve.admin.port", &settings.admin.listener.addresses)?;
    }
    if let Some(port) = listeners.demo {
        let here: [SocketAddr; 2] = [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
        bound.demo = listen::bind("demo", "--demo-port", &here)?;
    }
    Ok(bound)
}

/// Starts answering, and runs until a signal asks to stop.
///
/// # Errors
/// As [`start`] and [`Running::until_stopped`].
pub async fn serve(app: App, bound: Bound) -> Result<(), StartError> {
    start(app, bound)?.until_stopped().await
}

/// Starts answering on every bound listener, and the background jobs.
///
/// # Errors
/// [`StartError`] when a certificate cannot be used, or the system refuses a thread or a signal handler.
pub fn start(app: App, bound: Bound) -> Result<Running, StartError> {
    observe::tell(&app.settings.notices);
    let traffic = Data::new(Traffic::default());
    let demo = Face { routes: Routes::Demo, listeners: bound.demo, tls: None, workers: 1 };
    let mut servers = Vec::new();
    for face in [public(&app, bound.public)?, admin(&app, bound.admin)?, demo] {
        servers.extend(face.server(&app, &traffic)?);
    }
    let signals = Signals::new()?;
    let (stop_jobs, stopped) = watch::channel(false);
    let sweeper =
        jobs::Sweeper { store: app.store.clone(), clock: Arc::clone(&app.clock), random: Arc::clone(&app.random) };
    let jobs = actix_web::rt::spawn(sweeper.run(stopped));
    let handles = servers.iter().map(Server::handle).collect();
    let servers = servers.into_iter().map(actix_web::rt::spawn).collect();
    Ok(Running { app, traffic, handles, servers, jobs, stop_jobs, signals })
}

impl Running {
    /// Answers until SIGTERM or SIGINT; then turns not ready, lets requests in flight finish, and stops.
    ///
    /// # Errors
    /// [`StartError::Aborted`] when a second signal cut requests off; [`StartError::Io`] when a listener died.
    pub async fn until_stopped(mut self) -> Result<(), StartError> {
        let died = tokio::select! {
            () = self.signals.next() => None,
            error = first_death(&mut self.servers) => Some(error),
        };
        self.traffic.stop();
        self.stop_jobs.send_replace(true);
        tokio::select! {
            () = drain(&self.handles, &self.traffic, self.app.settings.limits.shutdown_timeout) => {}
            () = self.signals.next() => return Err(StartError::Aborted),
        }
        // A job that panicked has ended too.
        drop(self.jobs.await);
        died.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// What asks a server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a server to end although nobody asked it to.
async fn first_death(servers: &mut [JoinHandle<std::io::Result<()>>]) -> std::io::Error {
    std::future::poll_fn(|cx| {
        for server in servers.iter_mut() {
            if let std::task::Poll::Ready(ended) = std::pin::Pin::new(server).poll(cx) {
                let error = match ended {
                    Ok(Ok(())) => std::io::Error::other("a listener ended by itself"),
                    Ok(Err(error)) => error,
                    Err(_) => std::io::Error::other("a listener broke down"),
                };
                return std::task::Poll::Ready(error);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// Takes no new connections, waits for the requests in flight, and closes what is left: connections kept alive for
/// requests that will not come.
async fn drain(handles: &[ServerHandle], traffic: &Traffic, patience: Duration) {
    tracing::info!("stopping: no new connections, requests in flight are finished");
    for handle in handles {
        handle.pause().await;
    }
    if !traffic.ends(patience).await {
        tracing::warn!("requests were still in flight after serve.limits.shutdown_timeout; they are cut off");
    }
    let stopping: Vec<_> = handles.iter().map(|handle| handle.stop(false)).collect();
    for stopped in stopping {
        stopped.await;
    }
}

/// What a listener answers.
#[derive(Clone, Copy)]
enum Routes {
    Admin,
    Demo,
    Public,
}

/// What one listener is served with.
struct Face {
    routes: Routes,
    listeners: Vec<TcpListener>,
    tls: Option<ServerConfig>,
    workers: usize,
}

impl Face {
    /// The server of this face; `None` when it has no listener.
    fn server(self, app: &App, traffic: &Data<Traffic>) -> Result<Option<Server>, StartError> {
        if self.listeners.is_empty() {
            return Ok(None);
        }
        let (state, traffic, demo, routes) = (app.state.clone(), traffic.clone(), app.demo.clone(), self.routes);
        let limits = app.settings.limits;
        let keep_alive = match limits.keep_alive {
            Duration::ZERO => KeepAlive::Disabled,
            time => KeepAlive::Timeout(time),
        };
        let mut server = HttpServer::new(move || {
            WebApp::new().app_data(state.clone()).app_data(traffic.clone()).wrap(from_fn(traffic::count)).configure(
                |cfg| match (routes, &demo) {
                    (Routes::Admin, _) => web::admin(cfg),
                    (Routes::Public, _) => web::public(cfg),
                    (Routes::Demo, Some(demo)) => {
                        cfg.app_data(demo.clone());
                        web::demo::demo(&demo.issuer)(cfg);
                    }
                    (Routes::Demo, None) => {}
                },
            )
        })
        .workers(self.workers)
        .client_request_timeout(limits.header_timeout)
        .keep_alive(keep_alive)
        .shutdown_timeout(limits.shutdown_timeout.as_secs())
        .disable_signals();
        for listener in self.listeners {
            server = match &self.tls {
                None => server.listen(listener)?,
                Some(tls) => server.listen_rustls_0_23(listener, tls.clone())?,
            };
        }
        Ok(Some(server.run()))
    }
}

fn public(app: &App, listeners: Vec<TcpListener>) -> Result<Face, StartError> {
    let tls = match &app.settings.public.tls {
        None => None,
        Some(files) => Some(tls::server_config(&app.settings, files, &tls::PUBLIC, None).map_err(one_problem)?),
    };
    Ok(Face { routes: Routes::Public, listeners, tls, workers: workers() })
}

fn admin(app: &App, listeners: Vec<TcpListener>) -> Result<Face, StartError> {
    let authority: Option<&Path> = match &app.settings.admin.auth {
        AdminAuth::MutualTls { ca_path, .. } => Some(ca_path),
        _ => None,
    };
    let tls = match &app.settings.admin.listener.tls {
        None => None,
        Some(files) => Some(tls::server_config(&app.settings, files, &tls::ADMIN, authority).map_err(one_problem)?),
    };
    Ok(Face { routes: Routes::Admin, listeners, tls, workers: workers() })
}

fn workers() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

fn one_problem(problem: Problem) -> StartError {
    StartError::Config(Problems::new(vec![problem]))
}
