//! Every parser that reads what somebody else wrote, as a function of bytes.
//!
//! A target must come to an end quickly and must not panic, whatever it gets; and what it asserts
//! holds for every input. `docs/fuzzing.md` lists the targets; `cargo xtask fuzz` runs them.

#![forbid(unsafe_code)]

mod configuration;
mod http;
mod keys;
mod login;
mod realm;
mod tokens;

/// One parser, or a few that read the same.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its folder below `corpus/`.
    pub name: &'static str,
    /// Reads the bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "jws",
        run: tokens::jws,
    },
    Target {
        name: "jwe",
        run: tokens::jwe,
    },
    Target {
        name: "jwk",
        run: keys::jwk,
    },
    Target {
        name: "keys",
        run: keys::pasted,
    },
    Target {
        name: "pkcs12",
        run: keys::pkcs12,
    },
    Target {
        name: "key-providers",
        run: keys::providers,
    },
    Target {
        name: "credentials",
        run: tokens::credentials,
    },
    Target {
        name: "form",
        run: http::form,
    },
    Target {
        name: "request",
        run: http::request,
    },
    Target {
        name: "mappers",
        run: http::mappers,
    },
    Target {
        name: "client-data",
        run: login::client_data,
    },
    Target {
        name: "authorization-request",
        run: login::authorization_request,
    },
    Target {
        name: "redirect",
        run: realm::redirect,
    },
    Target {
        name: "representation",
        run: realm::representation,
    },
    Target {
        name: "realm-file",
        run: realm::file,
    },
    Target {
        name: "password-policy",
        run: realm::password_policy,
    },
    Target {
        name: "profile",
        run: realm::profile,
    },
    Target {
        name: "pattern",
        run: realm::pattern,
    },
    Target {
        name: "uri",
        run: realm::uri,
    },
    Target {
        name: "properties",
        run: configuration::properties,
    },
    Target {
        name: "expand",
        run: configuration::expanded,
    },
    Target {
        name: "placeholders",
        run: configuration::placeholders,
    },
];

/// The target of that name.
pub fn named(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}

/// The bytes as text, if they are some.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The text up to the first line break, and the rest.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every target has its seeds, and every seed its target; none of them breaks anything.
    #[test]
    fn the_corpus_passes() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let mut folders: Vec<String> = fs::read_dir(&corpus)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        folders.sort();
        let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        names.sort_unstable();
        assert_eq!(folders, names);
        for target in TARGETS {
            let seeds = fs::read_dir(corpus.join(target.name)).unwrap();
            let mut count = 0;
            for seed in seeds {
                (target.run)(&fs::read(seed.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count > 0, "{} has no seeds", target.name);
        }
    }
}
