//! Builds a small world for a test in one line, and speaks HTTP to it without a socket.
