//! `time-to-denial`: how long an access token is taken after the answer to its logout.
//!
//! Several nodes on one database; sessions end as fast as they go, round the nodes and through several
//! doors. Each carrier has a round of its own with sessions of its own, so that asking one does not slow
//! another. What was refused is asked for again at the end: it must stay refused.

mod caller;
mod carrier;
mod figures;
mod keycloak;
mod options;
mod realm;
mod round;
mod verifier;
mod watch;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Server;

use carrier::Carrier;
use figures::Figures;
use options::Options;
use realm::World;
use verifier::Verifier;

/// Tokens are dated by the second: what is signed in after this is no token of the round before.
const NEXT_SECOND: Duration = Duration::from_millis(1_100);

/// Measures and prints. `false` if a token was taken that must not be.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<bool> {
    let options = Options::read(arguments)?;
    let nodes = start(&options)?;
    let bases: Vec<String> = nodes.iter().map(Server::url).collect();
    let world = World::make(&bases, options.sessions)?;
    let verifiers = Verifier::start_all(&options, &world);
    println!(
        "{} nodes, {} sessions for each carrier, ended by {} at a time through {} doors in turn",
        bases.len(),
        options.sessions,
        options.connections,
        realm::Door::ALL.len()
    );
    println!("{}", Figures::heading());
    let mut rounds = Vec::new();
    let mut is_good = true;
    for carrier in Carrier::all(&verifiers) {
        thread::sleep(NEXT_SECOND);
        let round = round::play(&world, carrier, &options)
            .with_context(|| format!("while {} was asked", carrier.name()))?;
        rounds.push(round);
        if let Some(round) = rounds.last() {
            println!("{}", round.figures.line());
        }
    }
    let mut later = 0;
    let mut asked = 0;
    for round in &rounds {
        let (again, accepted) = round.ask_again(&world)?;
        asked += again;
        later += accepted + round.figures.accepted_later;
        is_good &= round.figures.is_good();
    }
    println!(
        "all tokens asked for once more at the end: {asked} answers; accepted after they had been refused: {later}"
    );
    drop(verifiers);
    for node in nodes {
        node.stop()?;
    }
    if let Some(url) = &options.against {
        keycloak::run(url, options.lifespan)?;
    }
    Ok(is_good && later == 0)
}

/// Starts the nodes, all of which name themselves as the first.
fn start(options: &Options) -> Result<Vec<Server>> {
    let mut nodes: Vec<Server> = Vec::new();
    for number in 0..options.nodes {
        let folder = options.folder.join(format!("node-{number}"));
        std::fs::create_dir_all(&folder)?;
        let port = Server::free_port()?;
        let issuer = nodes
            .first()
            .map_or_else(|| format!("http://127.0.0.1:{port}"), Server::url);
        let mut arguments = options.database.clone();
        arguments.push(format!("--hostname={issuer}"));
        nodes.push(Server::launch(&options.server, &folder, port, &arguments)?);
    }
    if nodes.is_empty() {
        bail!("no node");
    }
    Ok(nodes)
}
