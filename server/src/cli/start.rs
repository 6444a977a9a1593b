//! `start` and `start-dev`: serve until told to stop.

use std::sync::Arc;

use anyhow::Context as _;
use claviger_engine::App;
use claviger_pages::themes::Themes;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::context::Addresses;
use crate::front::Front;
use crate::listener::{Limits, Listener};
use crate::observe::health::Health;
use crate::observe::metrics::Metrics;
use crate::observe::traces::Traces;
use crate::observe::{self, Observed};
use crate::settings::{Mode, Settings};
use crate::tls::Acceptor;
use crate::{KEYCLOAK_VERSION, VERSION, jobs, logging, routes};

/// Category of what is said about the process itself.
const CATEGORY: &str = "claviger";

/// Serves until a signal says stop.
pub fn run(settings: &Settings, import_realm: bool) -> anyhow::Result<()> {
    let since = Timestamp::now();
    if settings.mode == Mode::Development {
        // Whole lines that people's scripts wait for.
        println!(
            "Running the server in development mode. DO NOT use this configuration in production."
        );
    }
    let _log = logging::install(&settings.logging).context("cannot start logging")?;
    // First, for whoever cannot read their keys must not wait for a database.
    let tls = Acceptors::load(settings)?;
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let app = crate::app::open(settings).await?;
        crate::app::prepare(&app, &settings.bootstrap).await?;
        super::import::at_start(&app, settings, import_realm).await?;
        // Before anybody is told that the server is there: whoever is told may stop it.
        let mut signals = Signals::listen()?;
        let running = Running::start(settings, app, &tls, since).await?;
        signals.next().await;
        running.stop(settings, &mut signals).await;
        Ok(())
    })
}

/// The parts that run until they are stopped.
struct Running {
    app: App,
    front: Front,
    observed: Observed,
    has_management: bool,
    stop_public: watch::Sender<bool>,
    stop_rest: watch::Sender<bool>,
    public: JoinSet<usize>,
    management: Option<JoinHandle<usize>>,
    jobs: JoinSet<()>,
    traces: Option<Traces>,
}

impl Running {
    async fn start(
        settings: &Settings,
        mut app: App,
        tls: &Acceptors,
        since: Timestamp,
    ) -> anyhow::Result<Self> {
        let observed = Observed {
            health: Arc::new(Health::new(app.store.clone())),
            metrics: Arc::new(Metrics::new(&settings.metering, Some(app.store.clone()))),
        };
        if settings.observe.metrics.is_some() {
            app = app.with_watcher(observed.metrics.watcher());
        }
        let listeners = bind(settings, tls).await?;
        let management = match &settings.management {
            Some(to) => {
                let listener = Listener::bind(&to.host, to.port, tls.management.clone()).await?;
                Some((listener, to.path.clone()))
            }
            None => None,
        };
        let (stop_public, public_stopped) = watch::channel(false);
        let (stop_rest, rest_stopped) = watch::channel(false);
        let mut jobs = jobs::start(&app, &rest_stopped);
        for acceptor in [&tls.public, &tls.management].into_iter().flatten() {
            jobs.spawn(acceptor.clone().follow(rest_stopped.clone()));
        }
        announce(
            &listeners,
            management.as_ref().map(|(listener, _)| listener),
            since,
        );

        let routes = routes::routes(app.clone(), themes(settings))
            .merge(observe::on_main(settings.observe, &observed));
        let metrics = Arc::clone(&observed.metrics);
        let addresses = Addresses::new(settings);
        let traces = settings.tracing.as_ref().map(Traces::start).transpose()?;
        let most = settings.http.max_requests;
        let front = Front::new(addresses, routes, metrics, traces.clone(), most);
        let patience = settings.shutdown.timeout;
        let mut public = JoinSet::new();
        for listener in listeners {
            let (answers, stopped) = (front.clone(), public_stopped.clone());
            public.spawn(listener.serve(answers, Limits::PUBLIC, stopped, patience));
        }
        let management = management.map(|(listener, path)| {
            let answers = observe::management(settings.observe, &path, &observed);
            tokio::spawn(listener.serve(answers, Limits::MANAGEMENT, rest_stopped, patience))
        });
        let has_management = management.is_some();
        Ok(Self {
            app,
            front,
            observed,
            has_management,
            stop_public,
            stop_rest,
            public,
            management,
            jobs,
            traces,
        })
    }

    /// Denies readiness, closes the listener, lets requests end, then closes everything else. A
    /// second signal ends each wait.
    async fn stop(mut self, settings: &Settings, signals: &mut Signals) {
        let since = Timestamp::now();
        self.observed.health.stop();
        if self.has_management {
            // Without probes nobody learns of it, and nobody needs the time.
            tokio::select! {
                () = tokio::time::sleep(settings.shutdown.delay) => {}
                () = signals.next() => {}
            }
        }
        let _ = self.stop_public.send(true);
        // Streams have no end of their own; whoever follows goes on at another node.
        self.app.followers.close();
        let until = Instant::now() + settings.shutdown.timeout;
        tokio::select! {
            () = drained(&mut self.public, &self.front, until) => {}
            () = signals.next() => {
                tracing::warn!(target: CATEGORY, "not waiting for running requests");
            }
        }
        let _ = self.stop_rest.send(true);
        if let Some(management) = self.management {
            management.abort();
        }
        while self.jobs.join_next().await.is_some() {}
        if let Some(traces) = self.traces {
            // It waits for the collector, which is called on this runtime.
            let _ = tokio::task::spawn_blocking(move || traces.stop()).await;
        }
        self.app.store.close().await;
        let took = since.duration_until(Timestamp::now()).as_secs_f64();
        tracing::info!(target: CATEGORY, "Claviger stopped in {took:.3}s");
    }
}

/// Reads keys and certificates of the listeners that speak TLS.
struct Acceptors {
    public: Option<Acceptor>,
    management: Option<Acceptor>,
}

impl Acceptors {
    fn load(settings: &Settings) -> anyhow::Result<Self> {
        let public = settings.http.https.as_ref().map(|(_, tls)| tls);
        let management = settings.management.as_ref();
        let management = management.and_then(|management| management.tls.as_ref());
        Ok(Self {
            public: public.map(Acceptor::load).transpose()?,
            management: management.map(Acceptor::load).transpose()?,
        })
    }
}

/// The listeners for everybody, plain HTTP first.
async fn bind(settings: &Settings, tls: &Acceptors) -> anyhow::Result<Vec<Listener>> {
    let http = &settings.http;
    let mut listeners = Vec::new();
    if let Some(port) = http.port {
        listeners.push(Listener::bind(&http.host, port, None).await?);
    }
    if let (Some((port, _)), Some(acceptor)) = (&http.https, &tls.public) {
        listeners.push(Listener::bind(&http.host, *port, Some(acceptor.clone())).await?);
    }
    Ok(listeners)
}

/// Waits for connections, then for requests whose callers have gone.
async fn drained(listeners: &mut JoinSet<usize>, front: &Front, until: Instant) {
    let mut cut = 0;
    while let Some(ended) = listeners.join_next().await {
        match ended {
            Ok(count) => cut += count,
            Err(error) => tracing::error!(target: CATEGORY, "the listener failed: {error}"),
        }
    }
    if cut > 0 {
        tracing::warn!(
            target: CATEGORY, "{cut} connections were cut off with requests running"
        );
    }
    if tokio::time::timeout_at(until, front.idle()).await.is_err() {
        tracing::warn!(target: CATEGORY, "requests were still running");
    }
}

/// The operator's themes; while somebody works on one, what they change shows at once.
fn themes(settings: &Settings) -> Themes {
    let follows = settings.mode == Mode::Development;
    Themes::open(&settings.home.join("themes"), follows)
}

/// Says that the server is there, in the words of Keycloak that scripts look for.
fn announce(public: &[Listener], management: Option<&Listener>, since: Timestamp) {
    let took = since.duration_until(Timestamp::now()).as_secs_f64();
    let urls: Vec<&str> = public.iter().map(Listener::url).collect();
    let management = match management {
        Some(listener) => format!(". Management interface listening on {}.", listener.url()),
        None => String::new(),
    };
    tracing::info!(
        target: CATEGORY,
        "Claviger {VERSION} (in place of Keycloak {KEYCLOAK_VERSION}) started in {took:.3}s. \
         Listening on: {}{management}",
        urls.join(" and ")
    );
    if claviger_pages::languages().is_empty() {
        tracing::warn!(
            target: CATEGORY,
            "pages speak English alone, in words of our own: the program was built without the message files"
        );
    }
}

/// What asks the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        let terminate = listen(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
