//! The log in a file that is put aside when it has grown, or at midnight.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::date::DatePattern;
use super::sink::{Out, Record};

/// When and how a file is put aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// Bytes from which on the next line goes into a new file.
    pub largest: u64,
    /// How many earlier files are kept; of each day, if their names have one.
    pub keep: usize,
    /// A date within the names of earlier files: a new one begins a new file.
    pub suffix: Option<DatePattern>,
    /// Whether each start begins a new file.
    pub on_start: bool,
}

/// A file that grows, and its elders `name.1`, `name.2`, the last one the oldest.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
    length: u64,
    /// The date that the file belongs to, if dates count.
    period: Option<String>,
    failing: bool,
}

impl LogFile {
    /// Opens the file, and makes the folders that lead to it.
    pub fn open(path: &Path, rotation: Option<Rotation>, zone: &TimeZone) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let length = file.metadata()?.len();
        let modified = file.metadata()?.modified().ok();
        let changed = modified.and_then(|at| Timestamp::try_from(at).ok());
        let changed = changed.unwrap_or_else(Timestamp::now);
        let mut log = Self {
            path: path.to_owned(),
            period: period(rotation.as_ref(), &changed.to_zoned(zone.clone())),
            rotation,
            file,
            length,
            failing: false,
        };
        if log.length > 0
            && log
                .rotation
                .as_ref()
                .is_some_and(|rotation| rotation.on_start)
        {
            log.put_aside(false)?;
        }
        Ok(log)
    }

    fn append(&mut self, text: &str, at: &Zoned) -> io::Result<()> {
        if let Some(rotation) = &self.rotation {
            let present = period(Some(rotation), at);
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let full = self.length.saturating_add(length) > rotation.largest;
            if self.length > 0 && (full || present != self.period) {
                self.put_aside(present != self.period)?;
            }
            self.period = present;
        }
        self.file.write_all(text.as_bytes())?;
        self.length = self
            .length
            .saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Makes the file the first of its elders, each of which gets one older. What is left at the end
    /// of a period needs no number.
    fn put_aside(&mut self, over: bool) -> io::Result<()> {
        let keep = self.rotation.as_ref().map_or(0, |rotation| rotation.keep);
        let name = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            if let Some(period) = &self.period {
                name.push(period);
            }
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if keep == 0 {
            self.file.set_len(0)?;
        } else {
            let last = name(1).with_extension("");
            if over && !last.exists() {
                std::fs::rename(&self.path, last)?;
            } else {
                for number in (1..keep).rev() {
                    if name(number).exists() {
                        std::fs::rename(name(number), name(number + 1))?;
                    }
                }
                std::fs::rename(&self.path, name(1))?;
            }
            self.file = append(&self.path)?;
        }
        self.length = 0;
        Ok(())
    }
}

impl Out for LogFile {
    fn put(&mut self, record: &Record) {
        match self.append(&record.text, &record.at) {
            Ok(()) => self.failing = false,
            // Told once, where operators may still see it. What is served goes on.
            Err(error) => {
                if !self.failing {
                    eprintln!("ERROR: cannot write {}: {error}", self.path.display());
                }
                self.failing = true;
            }
        }
    }
}

fn period(rotation: Option<&Rotation>, at: &Zoned) -> Option<String> {
    let suffix = rotation?.suffix.as_ref()?;
    Some(suffix.format(at))
}

/// A log tells who signs in from where: not for everybody's eyes.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("claviger-log-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// The files by name, with their contents.
        fn files(&self) -> Vec<(String, String)> {
            let entries = std::fs::read_dir(&self.0).unwrap().map(Result::unwrap);
            let mut files: Vec<_> = entries
                .map(|entry| {
                    let text = std::fs::read_to_string(entry.path()).unwrap();
                    (entry.file_name().into_string().unwrap(), text)
                })
                .collect();
            files.sort();
            files
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn put(log: &mut LogFile, day: i8, text: &str) {
        let at = jiff::civil::date(2026, 11, day).at(12, 0, 0, 0);
        log.put(&Record {
            text: text.to_owned(),
            at: at.to_zoned(TimeZone::UTC).unwrap(),
            level: Level::INFO,
            category: String::new(),
        });
    }

    fn rotation(keep: usize, suffix: Option<&str>) -> Rotation {
        Rotation {
            largest: 10,
            keep,
            suffix: suffix.map(|text| DatePattern::parse(text).unwrap()),
            on_start: true,
        }
    }

    fn open(folder: &Folder, rotation: Option<Rotation>) -> LogFile {
        LogFile::open(&folder.0.join("a.log"), rotation, &TimeZone::UTC).unwrap()
    }

    fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    }

    #[test]
    fn a_file_that_has_grown_is_put_aside_and_the_oldest_is_let_go() {
        let folder = Folder::new("size");
        let mut log = open(&folder, Some(rotation(2, None)));
        for text in [
            "one 456\n",
            "two 456\n",
            "three 6\n",
            "4\n",
            "5\n",
            "six 456\n",
        ] {
            put(&mut log, 23, text);
        }
        assert_eq!(
            folder.files(),
            named(&[
                ("a.log", "5\nsix 456\n"),
                ("a.log.1", "three 6\n4\n"),
                ("a.log.2", "two 456\n"),
            ])
        );
    }

    #[test]
    fn each_day_and_each_start_may_begin_a_new_file() {
        let folder = Folder::new("day");
        let mut log = open(&folder, Some(rotation(5, Some(".yyyy-MM-dd"))));
        put(&mut log, 23, "a\n");
        put(&mut log, 24, "b\n");
        assert_eq!(
            folder.files(),
            named(&[("a.log", "b\n"), ("a.log.2026-11-23", "a\n")])
        );
        drop(log);
        let log = open(&folder, Some(rotation(5, None)));
        assert_eq!(
            folder.files(),
            named(&[
                ("a.log", ""),
                ("a.log.1", "b\n"),
                ("a.log.2026-11-23", "a\n"),
            ])
        );
        drop(log);
    }

    #[test]
    fn without_rotation_a_file_grows_and_goes_on_after_a_restart() {
        let folder = Folder::new("none");
        for _ in 0..2 {
            let mut log = open(&folder, None);
            put(&mut log, 23, "0123456789\n");
        }
        assert_eq!(
            folder.files(),
            named(&[("a.log", "0123456789\n0123456789\n")])
        );
    }

    #[test]
    fn without_elders_the_file_begins_anew() {
        let folder = Folder::new("zero");
        let mut log = open(&folder, Some(rotation(0, None)));
        put(&mut log, 23, "0123456789\n");
        put(&mut log, 23, "b\n");
        assert_eq!(folder.files(), named(&[("a.log", "b\n")]));
    }
}
