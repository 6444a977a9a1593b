//! Keeps everything, in SQLite, PostgreSQL, MySQL or MariaDB.
