//! A realm of any size out of files into the store, all or nothing.
//!
//! 1. The configuration is compiled; it is small enough to be in memory.
//! 2. Users are read one by one and written in jobs of some hundred, below the id of a realm that
//!    is not there yet, where nobody sees them (`claviger_store::Tx::open_ticket`).
//! 3. One job makes the realm, and ends the old one of its name if there is one.
//!
//! Whatever fails before the last job leaves the old realm, or none, as it was: what was written is
//! thrown away, at once or, after a crash, by the next import of the realm or by the purge.

use std::sync::Arc;

use claviger_crypto::digest;
use claviger_crypto::encoding::base64url;
use claviger_model::user::FederatedIdentity;
use claviger_model::{Millis, RealmId};
use claviger_store::{Commit, StoreError, Tx};
use claviger_wire::document::Json;
use claviger_wire::schema;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::files::{self, RealmFile, Shelf};
use super::problem::{At, ImportError};
use super::users::{SAME_EMAIL, SAME_ID, SAME_USERNAME, Taken};
use super::walk::{Found, People, Wanted, place, walk};
use super::{Compiler, Context, KeptPart, NewUser};
use crate::app::App;
use crate::realms::{self, CreateError, Created};

/// Users written in one job at most.
const BATCH: usize = 500;
/// Users on their way from the reader, in heaps of this many.
const HEAP: usize = 100;
/// Heaps on their way at most.
const HEAPS: usize = 4;
/// Members nobody knows that are told; more tell nothing more.
const MAX_WARNINGS: usize = 100;

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Users written.
    pub done: u64,
    /// Users there are.
    pub of: u64,
}

/// Makes a realm of files in place of the one of the same name, if there is one, and tells how far
/// it is after every job.
///
/// # Errors
/// If anything in the files is wrong, with its place: nothing of them is there then, and a realm
/// that was there is as it was.
pub async fn replace(
    app: &App,
    realm: &RealmFile,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Created, CreateError> {
    let context = Context {
        random: &app.random,
        now: app.now(),
    };
    let in_file = |error: ImportError| error.within(&realm.name);
    let taken = Taken::leaving_it_to_the_store();
    let compiler = Compiler::new(&realm.file, &context, taken).map_err(in_file)?;
    let (id, name) = compiler.realm();
    let name = name.to_owned();
    let old = app.realm(&name).await?;
    let there = app.store.realm_by_id(&id).await?;
    if there.is_some() && old.as_ref().is_none_or(|old| old.id != id) {
        return Err(CreateError::Exists(name));
    }
    // Below the id of a realm that is there, its users are.
    let below = if there.is_some() { aside(&id) } else { id };
    let stage = Stage::open(app, below).await?;
    let mut writer = Writer {
        app,
        stage: &stage,
        compiler,
        writing: None,
        progress: Progress {
            done: 0,
            of: realm.people,
        },
        warnings: realm.warnings.clone(),
        tell,
    };
    let written = match writer.write_all(&realm.shelves).await {
        Ok(()) => writer.finish(&realm.name, old.as_ref()).await,
        Err(error) => Err(error),
    };
    if written.is_err() {
        stage.give_up(app).await;
    }
    written
}

/// An id that no realm can have, for `:` is in none.
fn aside(realm: &RealmId) -> RealmId {
    let digest = base64url(&digest::sha256(realm.as_str().as_bytes()));
    let digest: String = digest.chars().take(32).collect();
    RealmId::new(format!(":{digest}"))
}

/// Where users are written, and the ticket for it.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The id below which they lie.
    pub(crate) at: RealmId,
    /// The ticket.
    pub(crate) ticket: String,
}

impl Stage {
    async fn open(app: &App, at: RealmId) -> Result<Self, CreateError> {
        let ticket = app.random.uuid();
        let mut tx = Tx::new();
        tx.open_ticket(&at, &ticket, app.now());
        match app.commit(tx).await? {
            Commit::Done => Ok(Self { at, ticket }),
            Commit::Conflict(_) | Commit::Missed(_) => Err(CreateError::Overtaken),
        }
    }

    /// Throws away what was written, unless it is somebody else's by now.
    async fn give_up(&self, app: &App) {
        let mut tx = Tx::new();
        tx.close_ticket(&self.at, &self.ticket);
        tx.clear_people(&self.at);
        if let Err(error) = app.commit(tx).await {
            tracing::warn!("what an import left is thrown away later: {error}");
        }
    }
}

/// A user with the place that it comes from.
#[derive(Clone)]
struct Waiting {
    place: String,
    what: What,
}

#[derive(Clone)]
enum What {
    User(Box<NewUser>),
    Kept(KeptPart),
}

/// A user as it was read.
struct Read {
    place: String,
    list: People,
    body: Json,
    unknown: Vec<String>,
}

/// A job under way, with the users that it writes.
struct Writing {
    job: JoinHandle<Result<Commit, StoreError>>,
    users: Vec<Waiting>,
}

struct Writer<'a> {
    app: &'a App,
    stage: &'a Stage,
    compiler: Compiler<'a>,
    writing: Option<Writing>,
    progress: Progress,
    warnings: Vec<String>,
    tell: &'a mut (dyn FnMut(Progress) + Send),
}

impl Writer<'_> {
    /// Writes the users of all files.
    async fn write_all(&mut self, shelves: &[Shelf]) -> Result<(), CreateError> {
        let (heaps, mut arriving) = mpsc::channel(HEAPS);
        let shelves = shelves.to_vec();
        let reading = tokio::task::spawn_blocking(move || read_all(&shelves, &heaps));
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(heap) = arriving.recv().await {
            for read in heap {
                batch.push(self.compile(read)?);
                if batch.len() == BATCH {
                    self.write(std::mem::take(&mut batch)).await?;
                }
            }
        }
        let read = reading.await;
        read.map_err(|error| CreateError::Worker(error.to_string()))??;
        if !batch.is_empty() {
            self.write(batch).await?;
        }
        self.settle().await
    }

    fn compile(&mut self, read: Read) -> Result<Waiting, ImportError> {
        let Read {
            place,
            list,
            body,
            unknown,
        } = read;
        for member in unknown {
            if self.warnings.len() < MAX_WARNINGS {
                self.warnings
                    .push(format!("{place}.{member}: nobody knows this member"));
            }
        }
        let at = At::Known(&place);
        let what = match list {
            People::Users => What::User(Box::new(self.compiler.user(&body, &at)?)),
            People::FederatedUsers => What::Kept(self.compiler.federated_user(&body, &at)?),
        };
        Ok(Waiting { place, what })
    }

    /// Writes users while the next ones are read.
    async fn write(&mut self, users: Vec<Waiting>) -> Result<(), CreateError> {
        let tx = self.job(&users).await?;
        self.settle().await?;
        let store = self.app.store.clone();
        let job = tokio::spawn(async move { store.commit(tx).await });
        self.writing = Some(Writing { job, users });
        Ok(())
    }

    async fn job(&self, users: &[Waiting]) -> Result<Tx, CreateError> {
        let (app, at, now) = (self.app, &self.stage.at, self.app.now());
        let mut tx = Tx::new();
        tx.show_ticket(at, &self.stage.ticket, now);
        for waiting in users {
            match &waiting.what {
                What::User(user) => {
                    realms::put_user(app, &mut tx, at, user, self.compiler.terms()).await?;
                }
                What::Kept(part) => put_kept(&mut tx, at, part, now),
            }
        }
        Ok(tx)
    }

    /// Waits for the job under way. If it was refused, its users are written one by one, to find the
    /// one that is wrong.
    async fn settle(&mut self) -> Result<(), CreateError> {
        let Some(Writing { job, users }) = self.writing.take() else {
            return Ok(());
        };
        let count = u64::try_from(users.len()).unwrap_or(u64::MAX);
        let outcome = job.await;
        let outcome = outcome.map_err(|error| CreateError::Worker(error.to_string()))?;
        match outcome {
            Ok(Commit::Done) => {}
            Ok(Commit::Missed(_)) => return Err(CreateError::Overtaken),
            Ok(Commit::Conflict(_)) | Err(StoreError::Refused { .. }) => {
                for user in &users {
                    self.write_alone(user).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        self.progress.done = self.progress.done.saturating_add(count);
        (self.tell)(self.progress);
        Ok(())
    }

    async fn write_alone(&self, user: &Waiting) -> Result<(), CreateError> {
        let tx = self.job(std::slice::from_ref(user)).await?;
        let at = At::Known(&user.place);
        match self.app.commit(tx).await {
            Ok(Commit::Done) => Ok(()),
            Ok(Commit::Missed(_)) => Err(CreateError::Overtaken),
            Ok(Commit::Conflict(statement)) => {
                Err(self.conflict(user, &at, statement).await?.into())
            }
            Err(StoreError::Refused { .. }) => {
                let problem = "has a text that is too long, or a character U+0000";
                Err(at.invalid(problem).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is taken of a user that cannot be written.
    async fn conflict(
        &self,
        user: &Waiting,
        at: &At<'_>,
        statement: &str,
    ) -> Result<ImportError, StoreError> {
        let What::User(new) = &user.what else {
            return Ok(at.key("id").conflict(SAME_ID));
        };
        Ok(match statement {
            "USER_INSERT" => {
                let store = &self.app.store;
                let name = &new.user.username;
                match store.user_by_username(&self.stage.at, name).await? {
                    Some(_) => at.key("username").conflict(SAME_USERNAME),
                    None => at.key("id").conflict(SAME_ID),
                }
            }
            "USER_EMAIL_ALONE" => at.key("email").conflict(SAME_EMAIL),
            "CREDENTIAL_INSERT" => at.key("credentials").conflict("there are two of one id"),
            "FEDERATED_IDENTITY_INSERT" => at
                .key("federatedIdentities")
                .conflict(taken_identity(&new.federated_identities)),
            _ => at.conflict("something of it is there already"),
        })
    }

    /// Makes the realm.
    async fn finish(
        self,
        file: &str,
        old: Option<&Arc<crate::realm::Realm>>,
    ) -> Result<Created, CreateError> {
        let in_file = |error: ImportError| error.within(file);
        let mut import = self.compiler.finish().map_err(in_file)?;
        let mut warnings = self.warnings;
        warnings.append(&mut import.warnings);
        import.warnings = warnings;
        match realms::prepare_staged(self.app, import, old, self.stage).await {
            Ok(prepared) => realms::finish(self.app, prepared).await,
            Err(CreateError::Import(error)) => Err(in_file(error).into()),
            Err(error) => Err(error),
        }
    }
}

fn taken_identity(links: &[FederatedIdentity]) -> String {
    let aliases: Vec<&str> = links.iter().map(|link| link.provider.as_str()).collect();
    let aliases = aliases.join(", ");
    format!("another user is linked to the same person there: {aliases}")
}

/// Keeps what is not acted upon.
pub(crate) fn put_kept(tx: &mut Tx, realm: &RealmId, part: &KeptPart, now: Millis) {
    tx.keep(realm, part.kind, &part.id, now, &part.body);
}

/// Reads the users of all files and hands them on in heaps. Ends early if nobody takes them.
fn read_all(shelves: &[Shelf], heaps: &mpsc::Sender<Vec<Read>>) -> Result<(), ImportError> {
    for shelf in shelves {
        let name = shelf.source.name();
        let reader = files::open(shelf.source.as_ref())?;
        let mut heap = Vec::with_capacity(HEAP);
        let mut tell = |found| {
            let Found::User {
                realm,
                list,
                index,
                body,
            } = found
            else {
                return Ok(());
            };
            if realm != shelf.realm {
                return Ok(());
            }
            let place = place(&At::File(name), realm, list, index);
            heap.push(checked(place, list, body)?);
            if heap.len() == HEAP {
                hand_on(heaps, std::mem::take(&mut heap), name)?;
            }
            Ok(())
        };
        walk(name, reader, Wanted::Users, &mut tell)?;
        hand_on(heaps, heap, name)?;
    }
    Ok(())
}

fn hand_on(
    heaps: &mpsc::Sender<Vec<Read>>,
    heap: Vec<Read>,
    name: &str,
) -> Result<(), ImportError> {
    // Whoever takes them has stopped, and knows why.
    heaps
        .blocking_send(heap)
        .map_err(|_| At::File(name).invalid("the import was stopped"))
}

fn checked(place: String, list: People, body: Value) -> Result<Read, ImportError> {
    let at = At::Known(&place);
    if !body.is_object() {
        return Err(at.invalid("a user is a JSON object"));
    }
    let checked = schema::check_lenient("UserRepresentation", body)
        .map_err(|error| at.key(&error.path).invalid(error.message.clone()))?;
    Ok(Read {
        list,
        body: checked.body,
        unknown: checked.unknown,
        place,
    })
}

#[cfg(test)]
mod tests;
