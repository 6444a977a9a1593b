//! The program: command line, settings, wiring, jobs, graceful stop.

fn main() {}
