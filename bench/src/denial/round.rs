//! A round: as many sessions as were asked for, one carrier.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::caller::Caller;
use super::carrier::{Carrier, Said};
use super::figures::Figures;
use super::options::Options;
use super::realm::{Session, World};
use super::watch::Watch;
use crate::now;

/// How long a refusal is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before a token that was taken is tried again: at first, and at most.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(8);
/// How often each token is tried at the end of its round.
const LATER: usize = 3;
/// Tokens that are tried before they are taken back.
const TRIED: usize = 50;

/// What a round leaves.
pub struct Round<'a> {
    pub figures: Figures,
    carrier: Carrier<'a>,
    sessions: Vec<Session>,
}

/// A token that is to be asked about at one place.
struct Question<'s> {
    session: &'s Session,
    place: usize,
    answered: Instant,
    first: Option<Duration>,
    /// When it may be asked, and how long it rests after that.
    due: Instant,
    pause: Duration,
}

/// What is asked, and what came of it.
struct Asking<'s> {
    open: Mutex<VecDeque<Question<'s>>>,
    /// Whether every door was gone through.
    is_complete: AtomicBool,
    is_broken: AtomicBool,
}

/// What one thread found.
#[derive(Default)]
struct Found {
    denied: Vec<Duration>,
    asked: Vec<Duration>,
    accepted: usize,
    neither: usize,
    never: usize,
}

/// Signs everybody in, ends their sessions as fast as they go, and measures.
pub fn play<'a>(world: &World, carrier: Carrier<'a>, options: &Options) -> Result<Round<'a>> {
    let sessions = sign_in(world, options)?;
    before(world, carrier, &sessions)?;
    let watch = Watch::start(world, carrier, &sessions)?;
    let asking = Asking {
        open: Mutex::default(),
        is_complete: AtomicBool::new(false),
        is_broken: AtomicBool::new(false),
    };
    let questions = if carrier.is_asked() {
        options.questions
    } else {
        0
    };
    let (ended, found, took) = thread::scope(|scope| {
        let askers: Vec<_> = (0..questions)
            .map(|_| scope.spawn(|| asking.watched(|| asking.ask_again(world, carrier))))
            .collect();
        let since = now();
        let ended = asking.watched(|| end(world, carrier, &sessions, options, &asking));
        let took = since.elapsed();
        asking.is_complete.store(true, Ordering::SeqCst);
        let found: Result<Vec<Found>> = askers.into_iter().map(joined).collect();
        (ended, found, took)
    });
    let (mut instants, mut all) = (Vec::new(), Found::default());
    for (ended, found) in ended? {
        instants.push(ended);
        all.add(found);
    }
    for found in found? {
        all.add(found);
    }
    if let Some(watch) = watch {
        for seen in watch.times(&instants, &sessions, PATIENCE) {
            match seen {
                Some(after) => all.denied.push(after),
                None => all.never += 1,
            }
        }
    }
    let goal = match carrier {
        Carrier::Introspection | Carrier::UserInfo | Carrier::Gate => Some(Duration::ZERO),
        Carrier::Feed => Some(Duration::from_millis(50)),
        Carrier::Api(verifier) if !verifier.follows_lists => Some(Duration::from_millis(50)),
        Carrier::StatusList => Some(Duration::from_millis(500)),
        // The rest is the time for which the realm lets lists be kept.
        Carrier::Api(_) => None,
    };
    let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
    let mut round = Round {
        figures: Figures {
            name: carrier.name(),
            denied: all.denied,
            asked: all.asked,
            accepted: all.accepted,
            neither: all.neither,
            never: all.never,
            accepted_later: 0,
            rate: f64::from(count) / took.as_secs_f64(),
            goal,
        },
        carrier,
        sessions,
    };
    for _ in 0..LATER {
        let (_, accepted) = round.ask_again(world)?;
        round.figures.accepted_later += accepted;
    }
    Ok(round)
}

impl Round<'_> {
    /// Asks for every token once more: how many answers came, and how many of them took it.
    pub fn ask_again(&self, world: &World) -> Result<(usize, usize)> {
        let caller = Caller::new();
        let (mut asked, mut accepted) = (0, 0);
        if matches!(self.carrier, Carrier::StatusList) {
            return super::watch::places_again(world, &self.sessions);
        }
        if !self.carrier.is_asked() {
            return Ok((0, 0));
        }
        for session in &self.sessions {
            if !self.carrier.tells_of(session.door(world.nodes.len())) {
                continue;
            }
            for place in self.carrier.places(world, session) {
                asked += 1;
                let said = self.carrier.ask(&caller, world, place, session)?;
                accepted += usize::from(said == Said::Accepted);
            }
        }
        Ok((asked, accepted))
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))?
}

/// Numbers from zero up to the number of sessions, each given once.
fn each<T: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(&Caller, usize) -> Result<T> + Sync,
) -> Result<Vec<(usize, T)>> {
    let next = AtomicUsize::new(0);
    let (next, work) = (&next, &work);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || {
                    let (caller, mut done) = (Caller::new(), Vec::new());
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return Ok(done);
                        }
                        match work(&caller, number) {
                            Ok(value) => done.push((number, value)),
                            Err(error) => {
                                // The others need not go on.
                                next.store(count, Ordering::SeqCst);
                                return Err(error);
                            }
                        }
                    }
                })
            })
            .collect();
        let done: Result<Vec<Vec<(usize, T)>>> = threads.into_iter().map(joined).collect();
        let mut done: Vec<(usize, T)> = done?.into_iter().flatten().collect();
        done.sort_by_key(|(number, _)| *number);
        Ok(done)
    })
}

fn sign_in(world: &World, options: &Options) -> Result<Vec<Session>> {
    let sessions = each(options.sessions, options.connections, |caller, number| {
        world.sign_in(caller, number)
    })?;
    Ok(sessions.into_iter().map(|(_, session)| session).collect())
}

/// Whoever takes nothing while it is good proves nothing by refusing it.
fn before(world: &World, carrier: Carrier<'_>, sessions: &[Session]) -> Result<()> {
    if !carrier.is_asked() {
        return Ok(());
    }
    let caller = Caller::new();
    for session in sessions.iter().take(TRIED) {
        for place in carrier.places(world, session) {
            let said = carrier.ask(&caller, world, place, session)?;
            if said != Said::Accepted {
                bail!("a good token is answered {said:?}");
            }
        }
    }
    Ok(())
}

/// Opens the doors. Whoever opened one asks at once, before the next one; what is not refused yet is
/// handed on to be asked about again.
fn end<'s>(
    world: &World,
    carrier: Carrier<'_>,
    sessions: &'s [Session],
    options: &Options,
    asking: &Asking<'s>,
) -> Result<Vec<(Instant, Found)>> {
    let operator = world.operator(&Caller::new())?;
    let ended = each(sessions.len(), options.connections, |caller, number| {
        let session = sessions.get(number).context("no such session")?;
        world.end(caller, session, &operator)?;
        let answered = now();
        let mut found = Found::default();
        let door = session.door(world.nodes.len());
        if carrier.is_asked() && carrier.tells_of(door) {
            for place in carrier.places(world, session) {
                let question = Question {
                    session,
                    place,
                    answered,
                    first: None,
                    due: answered,
                    pause: PAUSE,
                };
                asking.ask(caller, world, carrier, question, &mut found)?;
            }
        }
        Ok((answered, found))
    })?;
    Ok(ended.into_iter().map(|(_, ended)| ended).collect())
}

impl<'s> Asking<'s> {
    fn add(&self, question: Question<'s>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(question);
    }

    fn next(&self) -> Option<Question<'s>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.pop_front()
    }

    /// Lets the others stop if this fails.
    fn watched<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = work();
        if result.is_err() {
            self.is_broken.store(true, Ordering::SeqCst);
        }
        result
    }

    /// Asks again about what was not refused, each after its pause.
    fn ask_again(&self, world: &World, carrier: Carrier<'_>) -> Result<Found> {
        let caller = Caller::new();
        let mut found = Found::default();
        while !self.is_broken.load(Ordering::SeqCst) {
            // Looked at before the queue: nothing is added by the doors after it is set.
            let is_complete = self.is_complete.load(Ordering::SeqCst);
            let Some(question) = self.next() else {
                if is_complete {
                    break;
                }
                thread::sleep(PAUSE);
                continue;
            };
            if question.due > now() {
                self.add(question);
                thread::sleep(PAUSE);
                continue;
            }
            self.ask(&caller, world, carrier, question, &mut found)?;
        }
        Ok(found)
    }

    /// Asks once. What is not refused goes to the end of the queue.
    fn ask(
        &self,
        caller: &Caller,
        world: &World,
        carrier: Carrier<'_>,
        mut question: Question<'s>,
        found: &mut Found,
    ) -> Result<()> {
        let first = question.answered.elapsed();
        let first = *question.first.get_or_insert(first);
        let said = carrier.ask(caller, world, question.place, question.session)?;
        let after = question.answered.elapsed();
        match said {
            Said::Refused => {
                found.denied.push(after);
                found.asked.push(first);
                return Ok(());
            }
            Said::Accepted => found.accepted += 1,
            Said::Neither(_) => found.neither += 1,
        }
        if after > PATIENCE {
            found.never += 1;
            return Ok(());
        }
        question.due = now() + question.pause;
        question.pause = (question.pause * 2).min(PAUSE_MAX);
        self.add(question);
        Ok(())
    }
}

impl Found {
    fn add(&mut self, other: Self) {
        self.denied.extend(other.denied);
        self.asked.extend(other.asked);
        self.accepted += other.accepted;
        self.neither += other.neither;
        self.never += other.never;
    }
}
