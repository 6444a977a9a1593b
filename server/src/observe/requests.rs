//! How long requests take, by their routes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::exposition::{Kind, Text};

/// The name of the family.
const NAME: &str = "http_server_requests_seconds";
/// Rows that are counted at most. There are as many as routes, methods and answers, so that only a
/// defect gets here.
const MOST_ROWS: usize = 10_000;
/// How long the longest request is remembered, at least; at most twice as long.
const WINDOW: Duration = Duration::from_mins(1);

/// Bounds of the buckets that Keycloak's histogram has, in nanoseconds: a third of the way between
/// powers of four from 1 ms to 30 s.
const BOUNDS: [u64; 66] = [
    1_000_000,
    1_048_576,
    1_398_101,
    1_747_626,
    2_097_151,
    2_446_676,
    2_796_201,
    3_145_726,
    3_495_251,
    3_844_776,
    4_194_304,
    5_592_405,
    6_990_506,
    8_388_607,
    9_786_708,
    11_184_809,
    12_582_910,
    13_981_011,
    15_379_112,
    16_777_216,
    22_369_621,
    27_962_026,
    33_554_431,
    39_146_836,
    44_739_241,
    50_331_646,
    55_924_051,
    61_516_456,
    67_108_864,
    89_478_485,
    111_848_106,
    134_217_727,
    156_587_348,
    178_956_969,
    201_326_590,
    223_696_211,
    246_065_832,
    268_435_456,
    357_913_941,
    447_392_426,
    536_870_911,
    626_349_396,
    715_827_881,
    805_306_366,
    894_784_851,
    984_263_336,
    1_073_741_824,
    1_431_655_765,
    1_789_569_706,
    2_147_483_647,
    2_505_397_588,
    2_863_311_529,
    3_221_225_470,
    3_579_139_411,
    3_937_053_352,
    4_294_967_296,
    5_726_623_061,
    7_158_278_826,
    8_589_934_591,
    10_021_590_356,
    11_453_246_121,
    12_884_901_886,
    14_316_557_651,
    15_748_213_416,
    17_179_869_184,
    22_906_492_245,
];
/// The last two of them.
const LAST_BOUNDS: [u64; 2] = [28_633_115_306, 30_000_000_000];

/// What the operator wants to know of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Whether there is a histogram to compute percentiles from.
    pub histograms: bool,
    /// Durations that were promised, in milliseconds: each has a bucket.
    pub objectives: Vec<u64>,
}

/// What is told apart. The path is the route's pattern, never the caller's text: strangers must not
/// choose how many rows there are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The method; `UNKNOWN` for names that strangers make up.
    pub method: &'static str,
    /// The kind of status.
    pub outcome: &'static str,
    /// The status.
    pub status: u16,
    /// The pattern of the route, in Keycloak's words.
    pub uri: String,
}

/// Durations by row.
pub struct Requests {
    bounds: Vec<u64>,
    rows: Mutex<BTreeMap<Row, Durations>>,
}

#[derive(Debug)]
struct Durations {
    count: u64,
    nanos: u128,
    /// How many lie below each bound, and not below the one before.
    buckets: Vec<u64>,
    longest: Longest,
}

/// The longest of late.
#[derive(Debug)]
struct Longest {
    since: Instant,
    present: Duration,
    before: Duration,
}

impl Requests {
    /// Nothing counted yet.
    pub fn new(detail: &Detail) -> Self {
        let objectives = detail
            .objectives
            .iter()
            .map(|millis| millis.saturating_mul(1_000_000));
        let mut bounds: Vec<u64> = objectives.collect();
        if detail.histograms {
            bounds.extend(BOUNDS);
            bounds.extend(LAST_BOUNDS);
        }
        bounds.sort_unstable();
        bounds.dedup();
        let rows = Mutex::default();
        Self { bounds, rows }
    }

    /// Counts a request.
    pub fn count(&self, row: Row, took: Duration) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MOST_ROWS && !rows.contains_key(&row) {
            return;
        }
        let durations = rows.entry(row).or_insert_with(|| Durations {
            count: 0,
            nanos: 0,
            buckets: vec![0; self.bounds.len()],
            longest: Longest {
                since: Instant::now(),
                present: Duration::ZERO,
                before: Duration::ZERO,
            },
        });
        durations.count += 1;
        durations.nanos += took.as_nanos();
        let bucket = self
            .bounds
            .partition_point(|bound| u128::from(*bound) < took.as_nanos());
        if let Some(bucket) = durations.buckets.get_mut(bucket) {
            *bucket += 1;
        }
        let longest = durations.longest.turned(Instant::now());
        longest.present = longest.present.max(took);
    }

    /// Writes the family.
    pub fn write(&self, text: &mut Text) {
        let help = "HTTP server request processing time";
        let kind = if self.bounds.is_empty() {
            Kind::Summary
        } else {
            Kind::Histogram
        };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        text.family(NAME, kind, help);
        for (row, durations) in rows.iter() {
            let status = row.status.to_string();
            let labels = row.labels(&status);
            let bucket = format!("{NAME}_bucket");
            let up_to = |bound: &str, count: u64, text: &mut Text| {
                let labels = [labels.as_slice(), &[("le", bound)]].concat();
                text.sample(&bucket, &labels, float(count));
            };
            let mut below = 0;
            for (bound, count) in self.bounds.iter().zip(&durations.buckets) {
                below += count;
                let bound = seconds(Duration::from_nanos(*bound));
                up_to(&format!("{bound:?}"), below, text);
            }
            if kind == Kind::Histogram {
                up_to("+Inf", durations.count, text);
            }
            text.sample(&format!("{NAME}_count"), &labels, float(durations.count));
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds of years")]
            let sum = durations.nanos as f64 / 1e9;
            text.sample(&format!("{NAME}_sum"), &labels, sum);
        }
        let name = format!("{NAME}_max");
        text.family(&name, Kind::Gauge, help);
        for (row, durations) in rows.iter_mut() {
            let status = row.status.to_string();
            let longest = durations.longest.turned(Instant::now());
            let longest = longest.present.max(longest.before);
            text.sample(&name, &row.labels(&status), seconds(longest));
        }
    }
}

impl Row {
    fn labels<'a>(&'a self, status: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("method", self.method),
            ("outcome", self.outcome),
            ("status", status),
            ("uri", &self.uri),
        ]
    }
}

impl Longest {
    /// Forgets what is too long ago.
    fn turned(&mut self, now: Instant) -> &mut Self {
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            self.before = if passed < WINDOW * 2 {
                self.present
            } else {
                Duration::ZERO
            };
            self.present = Duration::ZERO;
            self.since = now;
        }
        self
    }
}

/// A pattern of ours in the words of Keycloak's routes, which dashboards ask for.
pub fn keycloaks_uri(route: &str) -> String {
    if route == "/" {
        return "root".to_owned();
    }
    match route.split_once("/protocol/") {
        Some((before, after)) => {
            let rest = after
                .find('/')
                .and_then(|at| after.get(at..))
                .unwrap_or_default();
            format!("{before}/protocol/{{protocol}}{rest}")
        }
        None => route.to_owned(),
    }
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Format;
    use super::*;

    fn row(uri: &str) -> Row {
        Row {
            method: "GET",
            outcome: "SUCCESS",
            status: 200,
            uri: uri.to_owned(),
        }
    }

    fn written(requests: &Requests) -> String {
        let mut text = Text::new(Format::OpenMetrics);
        requests.write(&mut text);
        text.finish()
    }

    const LABELS: &str =
        "method=\"GET\",outcome=\"SUCCESS\",status=\"200\",uri=\"/realms/{realm}\"";

    #[test]
    fn without_histograms_there_are_count_sum_and_maximum() {
        let requests = Requests::new(&Detail::default());
        for millis in [250, 500] {
            requests.count(row("/realms/{realm}"), Duration::from_millis(millis));
        }
        assert_eq!(
            written(&requests),
            format!(
                "# TYPE {NAME} summary\n# HELP {NAME} HTTP server request processing time\n\
                 {NAME}_count{{{LABELS}}} 2.0\n{NAME}_sum{{{LABELS}}} 0.75\n\
                 # TYPE {NAME}_max gauge\n# HELP {NAME}_max HTTP server request processing time\n\
                 {NAME}_max{{{LABELS}}} 0.5\n# EOF\n"
            )
        );
    }

    #[test]
    fn buckets_hold_what_is_not_longer() {
        let detail = Detail {
            histograms: false,
            objectives: vec![250, 5],
        };
        let requests = Requests::new(&detail);
        for millis in [5, 6, 250, 251] {
            requests.count(row("/realms/{realm}"), Duration::from_millis(millis));
        }
        let text = written(&requests);
        for (bound, count) in [("0.005", "1.0"), ("0.25", "3.0"), ("+Inf", "4.0")] {
            let line = format!("{NAME}_bucket{{{LABELS},le=\"{bound}\"}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.starts_with(&format!("# TYPE {NAME} histogram\n")));
    }

    #[test]
    fn histograms_have_keycloaks_buckets() {
        let detail = Detail {
            histograms: true,
            objectives: vec![5],
        };
        let requests = Requests::new(&detail);
        requests.count(row("/"), Duration::from_millis(1));
        let text = written(&requests);
        assert_eq!(text.matches("_bucket{").count(), 66 + 2 + 1 + 1);
        for bound in [
            "0.001",
            "0.001048576",
            "0.005",
            "0.100",
            "28.633115306",
            "30.0",
        ] {
            let there = text.contains(&format!("le=\"{bound}\""));
            assert_eq!(there, bound != "0.100", "{bound}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_request_is_forgotten_after_a_while() {
        let requests = Requests::new(&Detail::default());
        requests.count(row("/"), Duration::from_secs(9));
        tokio::time::advance(WINDOW).await;
        assert!(written(&requests).contains("} 9.0\n"));
        tokio::time::advance(WINDOW * 2).await;
        assert!(written(&requests).contains(&format!("{NAME}_max{{")));
        assert!(
            !written(&requests)
                .split_once("_max gauge")
                .unwrap()
                .1
                .contains("9.0")
        );
    }

    #[test]
    fn strangers_cannot_make_rows_without_end() {
        let requests = Requests::new(&Detail::default());
        for number in 0..MOST_ROWS + 10 {
            requests.count(row(&number.to_string()), Duration::ZERO);
        }
        assert_eq!(requests.rows.lock().unwrap().len(), MOST_ROWS);
    }

    #[test]
    fn routes_have_the_names_that_dashboards_know() {
        for (route, uri) in [
            ("/", "root"),
            ("/realms/{realm}", "/realms/{realm}"),
            (
                "/realms/{realm}/protocol/openid-connect/token",
                "/realms/{realm}/protocol/{protocol}/token",
            ),
            (
                "/realms/{realm}/protocol/openid-connect/token/introspect",
                "/realms/{realm}/protocol/{protocol}/token/introspect",
            ),
            (
                "/realms/{realm}/protocol/saml",
                "/realms/{realm}/protocol/{protocol}",
            ),
        ] {
            assert_eq!(keycloaks_uri(route), uri, "{route}");
        }
    }
}
