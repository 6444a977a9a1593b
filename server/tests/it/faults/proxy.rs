//! A line to a database that the test can cut and hold.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Passes bytes on, for as long as the test lets it.
pub struct Proxy {
    port: u16,
    line: Arc<Line>,
}

struct Line {
    target: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Nobody listens: connections are refused.
    cut: bool,
    /// Bytes wait, and new connections are taken and not served.
    held: bool,
    /// Both ends of what is open.
    open: Vec<TcpStream>,
    /// Connections that were ever made.
    made: usize,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits for as long as the line is held.
    fn pass(&self) {
        let held = |state: &mut State| state.held && !state.cut;
        drop(self.changed.wait_while(self.state(), held).unwrap());
    }
}

impl Proxy {
    /// To host and port of a server.
    pub fn to(target: &str) -> Self {
        let line = Arc::new(Line {
            target: target.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        accept(listener, Arc::clone(&line));
        Self { port, line }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made through it so far.
    pub fn made(&self) -> usize {
        self.line.state().made
    }

    /// Breaks every connection and refuses new ones.
    pub fn cut(&self) {
        let mut state = self.line.state();
        state.cut = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.line.changed.notify_all();
        // Wakes the one who accepts, who then sees that it is over, and closes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            std::thread::yield_now();
        }
    }

    /// Lets connections be made again.
    pub fn restore(&self) {
        self.line.state().cut = false;
        let listener = loop {
            // Another test may have taken the port for a moment.
            match TcpListener::bind(("127.0.0.1", self.port)) {
                Ok(listener) => break listener,
                Err(_) => std::thread::yield_now(),
            }
        };
        accept(listener, Arc::clone(&self.line));
    }

    /// From now on nothing passes, and nothing is closed: a network that drops packets.
    pub fn hold(&self) {
        self.line.state().held = true;
    }

    /// Lets everything pass that has waited.
    pub fn release(&self) {
        self.line.state().held = false;
        self.line.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

fn accept(listener: TcpListener, line: Arc<Line>) {
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if line.state().cut {
                break;
            }
            let line = Arc::clone(&line);
            std::thread::spawn(move || connect(stream, &line));
        }
    });
}

fn connect(near: TcpStream, line: &Arc<Line>) {
    line.pass();
    let Ok(far) = TcpStream::connect(&line.target) else {
        return;
    };
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let ends = [&near, &far].map(|stream| stream.try_clone().unwrap());
    {
        let mut state = line.state();
        if state.cut {
            return;
        }
        state.made += 1;
        state.open.extend(ends);
    }
    let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
    let behind = Arc::clone(line);
    std::thread::spawn(move || pump(back.0, back.1, &behind));
    pump(near, far, line);
}

fn pump(mut from: TcpStream, mut to: TcpStream, line: &Line) {
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = match from.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        line.pass();
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
