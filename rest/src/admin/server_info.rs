//! What the server says of itself: to consoles, which draw their forms from it, and to those who
//! configure realms by a program and look which release they talk to.

use axum::http::Method;
use claviger_engine::machine::{MachineFacts, java_date};
use claviger_model::Millis;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::server_info::{KEYCLOAK_VERSION, facts, features, profile, themes};
use serde_json::{Value, json};

use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// Bytes in a kilobyte and in a megabyte, as Keycloak counts them.
const KILO: u64 = 1024;
const MEGA: u64 = KILO * KILO;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    let path = "/admin/serverinfo";
    vec![route(Method::GET, path, Rights::Handler, show)]
}

/// Whoever administers anything sees what there is; on what it runs is for those who manage the
/// master realm.
async fn show(call: AdminCall) -> Result<Answer, Problem> {
    if !call.admin.is_anywhere(&call.app).await? {
        return Err(Problem::forbidden());
    }
    let machine = call.app.machine();
    let mut info = Json::new();
    if call.admin.may(&call.realm, &[Right::ManageRealm]).await? {
        if call.admin.is_of_master() {
            info.insert("systemInfo".to_owned(), system(&machine, call.app.now()));
            let processors = json!({ "processorCount": machine.processors });
            info.insert("cpuInfo".to_owned(), processors);
            info.insert("memoryInfo".to_owned(), memory(&machine));
        } else {
            let version = json!({ "version": KEYCLOAK_VERSION });
            info.insert("systemInfo".to_owned(), version);
        }
    }
    let asked: &[&str] = match (call.app.speaks_docker(), call.app.scripts.are_there()) {
        (true, true) => &["DOCKER", "SCRIPTS"],
        (true, false) => &["DOCKER"],
        (false, true) => &["SCRIPTS"],
        (false, false) => &[],
    };
    let features = features(asked);
    info.insert("profileInfo".to_owned(), profile(&features));
    info.insert("features".to_owned(), json!(features));
    info.insert("themes".to_owned(), json!(themes(&machine.themes)));
    for (name, value) in facts() {
        info.insert(name.to_owned(), value.clone());
    }
    Ok(read_out(&info))
}

/// `version` is what clients ask for to know what they may say; ours stands beside it.
fn system(machine: &MachineFacts, now: Millis) -> Value {
    let Millis(uptime) = machine.uptime;
    let seconds = uptime / 1000;
    let uptime_text = format!(
        "{} days, {} hours, {} minutes, {} seconds",
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    json!({
        "version": KEYCLOAK_VERSION,
        "clavigerVersion": env!("CARGO_PKG_VERSION"),
        "serverTime": java_date(now),
        "uptime": uptime_text,
        "uptimeMillis": uptime,
        "osName": std::env::consts::OS,
        "osArchitecture": std::env::consts::ARCH,
        "osVersion": machine.kernel,
        "fileEncoding": "UTF-8",
        "userTimezone": "Etc/UTC",
    })
}

fn memory(machine: &MachineFacts) -> Value {
    let (total, used) = (machine.memory_total, machine.memory_used);
    let free = total.saturating_sub(used);
    let percentage = free.saturating_mul(100).checked_div(total);
    json!({
        "total": total,
        "totalFormated": bytes(total),
        "used": used,
        "usedFormated": bytes(used),
        "free": free,
        "freePercentage": percentage.unwrap_or(0),
        "freeFormated": bytes(free),
    })
}

fn bytes(count: u64) -> String {
    match count {
        MEGA.. => format!("{} MB", count / MEGA),
        KILO..MEGA => format!("{} kB", count / KILO),
        0..KILO => format!("{count} bytes"),
    }
}
