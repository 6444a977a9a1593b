//! Where lines go: at once, or through a queue to a thread of their own.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Zoned;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::json::{self, Layout};
use super::line::{Facts, Line};
use super::pattern::Pattern;

/// How long the end of the process waits for the lines that are queued.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a thread that has nothing to write looks whether lines were lost.
const LOOK: Duration = Duration::from_secs(1);

/// A line that was brought into its form.
#[derive(Clone, Debug)]
pub struct Record {
    /// The form, with its line break.
    pub text: String,
    /// When.
    pub at: Zoned,
    /// How grave.
    pub level: Level,
    /// About what.
    pub category: String,
}

/// Something that takes lines. It tells its troubles to nobody who logs.
pub trait Out: Send {
    /// Takes a line.
    fn put(&mut self, record: &Record);

    /// So many lines could not be queued.
    fn lost(&mut self, _lines: u64) {}
}

/// How lines look.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Text by a pattern.
    Text(Pattern),
    /// One JSON object a line.
    Json(Layout),
}

/// One handler: what it takes, in which form, and where to.
pub struct Handler {
    /// Nothing below is taken.
    pub level: LevelFilter,
    form: Form,
    way: Way,
}

enum Way {
    Direct(Mutex<Box<dyn Out>>),
    Queued(Queue),
}

impl Handler {
    /// Whoever logs waits until the line is written.
    pub fn direct(level: LevelFilter, form: Form, out: Box<dyn Out>) -> Self {
        let way = Way::Direct(Mutex::new(out));
        Self { level, form, way }
    }

    /// Lines wait for a thread that writes them; when `length` do, whoever logs waits, too.
    pub fn queued(level: LevelFilter, form: Form, queue: Queue) -> Self {
        let way = Way::Queued(queue);
        Self { level, form, way }
    }

    /// Takes a line, if it is grave enough.
    pub fn take(&self, line: &Line<'_>, facts: &Facts) {
        if line.level > self.level {
            return;
        }
        let text = match &self.form {
            Form::Text(pattern) => pattern.format(line, facts),
            Form::Json(layout) => json::format(*layout, line, facts),
        };
        let record = Record {
            text,
            at: line.at.clone(),
            level: line.level,
            category: line.category.to_owned(),
        };
        match &self.way {
            Way::Direct(out) => out
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .put(&record),
            Way::Queued(queue) => queue.send(record),
        }
    }

    /// Waits, for a while, until everything that is queued was written.
    pub fn flush(&self) {
        if let Way::Queued(queue) = &self.way {
            queue.flush();
        }
    }
}

/// Lines that wait for a thread.
pub struct Queue {
    sender: SyncSender<Message>,
    /// Whether lines that find no room are dropped.
    drops: bool,
    lost: Arc<AtomicU64>,
}

enum Message {
    Line(Record),
    Flush(SyncSender<()>),
}

impl Queue {
    /// A thread that writes. With `drops`, lines that find no room are counted and dropped: nobody
    /// who is served shall wait for it.
    pub fn start(
        name: &str,
        length: usize,
        drops: bool,
        out: Box<dyn Out>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(length);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || drain(&receiver, out, &counter))?;
        Ok(Self {
            sender,
            drops,
            lost,
        })
    }

    fn send(&self, record: Record) {
        if self.drops {
            if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Line(record)) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        } else {
            // The thread ends with the process only.
            let _ = self.sender.send(Message::Line(record));
        }
    }

    fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

fn drain(lines: &Receiver<Message>, mut out: Box<dyn Out>, lost: &AtomicU64) {
    loop {
        let message = lines.recv_timeout(LOOK);
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            out.lost(missing);
        }
        match message {
            Ok(Message::Line(record)) => out.put(&record),
            Ok(Message::Flush(done)) => {
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Standard output.
#[derive(Debug)]
pub struct Console;

impl Out for Console {
    fn put(&mut self, record: &Record) {
        // Where standard output is gone there is nobody to tell.
        let _ = std::io::stdout().lock().write_all(record.text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::testing::{facts, line};

    /// Hands lines on to the test, one for each permission.
    struct Slow(SyncSender<String>);

    impl Out for Slow {
        fn put(&mut self, record: &Record) {
            self.0.send(record.text.clone()).unwrap();
        }

        fn lost(&mut self, lines: u64) {
            self.0.send(format!("{lines} lost")).unwrap();
        }
    }

    fn handler(length: usize, drops: bool) -> (Handler, Receiver<String>) {
        let (sender, told) = sync_channel(0);
        let queue = Queue::start("test", length, drops, Box::new(Slow(sender))).unwrap();
        let form = Form::Text(Pattern::parse("%s").unwrap());
        (Handler::queued(LevelFilter::WARN, form, queue), told)
    }

    #[test]
    fn what_is_not_grave_enough_is_not_taken() {
        let (handler, told) = handler(4, false);
        let mut quiet = line("quiet");
        quiet.level = Level::INFO;
        handler.take(&quiet, &facts());
        handler.take(&line("loud"), &facts());
        assert_eq!(told.recv().unwrap(), "loud");
    }

    #[test]
    fn whoever_may_not_wait_loses_lines_that_are_counted() {
        let (handler, told) = handler(1, true);
        for _ in 0..10 {
            handler.take(&line("a"), &facts());
        }
        let (mut written, mut lost) = (0, 0);
        while written + lost < 10 {
            match told.recv().unwrap().split_once(' ') {
                Some((count, "lost")) => lost += count.parse::<u64>().unwrap(),
                Some(_) | None => written += 1,
            }
        }
        assert!(lost > 0 && written >= 1);
    }

    #[test]
    fn the_end_waits_for_what_is_queued() {
        let (handler, told) = handler(4, false);
        handler.take(&line("last words"), &facts());
        let reader = std::thread::spawn(move || told.recv().unwrap());
        handler.flush();
        assert_eq!(reader.join().unwrap(), "last words");
    }
}
