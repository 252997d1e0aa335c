//! `barkeep keys`: keys of the HTTP API.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::exit::{CliError, SOME_FAILED};
use crate::globals::{Globals, Session, block_on};
use crate::output::{print, print_json};
use barkeep_api::guard::keys::{generate, hash};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::table;
use barkeep_base::text::printable;
use barkeep_market::Ts;
use barkeep_store::{ApiKey, KeyRole, OperatorAction, Store};

/// Create, list and revoke keys of the HTTP API
///
/// A key is shown only when it is created; the database has its SHA-256. As soon as there is a key, every request needs one.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  barkeep keys create grafana
  barkeep keys create robot --role operate
  barkeep keys revoke grafana")]
pub struct KeysArgs {
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum KeysCommand {
    /// Create a key and print it
    Create {
        /// Name of the key, for lists and logs: letters, digits and . - _
        #[arg(value_name = "NAME", value_parser = name)]
        name: String,
        /// read: read everything; operate: also trigger, pause, cancel and change
        #[arg(long, value_name = "ROLE", default_value = "read", value_parser = role)]
        role: KeyRole,
    },
    /// List keys, including revoked ones
    List,
    /// Revoke a key; a running service refuses it within a second
    Revoke {
        /// Name of the key
        #[arg(value_name = "NAME", value_parser = name)]
        name: String,
    },
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        && text != "loopback";
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("'{}' is not a valid name; use 1 to 64 letters, digits or . - _", printable(text)))
    }
}

fn role(text: &str) -> Result<KeyRole, String> {
    let known = KeyRole::ALL.into_iter().find(|role| role.name() == text);
    known.ok_or_else(|| format!("'{}' is not a role; use read or operate", printable(text)))
}

pub(crate) fn run(args: &KeysArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let readonly = matches!(args.command, KeysCommand::List);
        let store = session.open_store(readonly).await?;
        let result = work(args, &session, store.as_ref()).await;
        store.close().await;
        result
    })
}

async fn work(args: &KeysArgs, session: &Session, store: &dyn Store) -> Result<(), CliError> {
    let at = SystemClock.now();
    match &args.command {
        KeysCommand::Create { name, role } => {
            if store.api_keys().await?.iter().any(|key| key.name == *name) {
                return Err(CliError::usage(format!("a key named {name} already exists"))
                    .hint("choose another name; `barkeep keys list` shows all keys"));
            }
            let key = generate()
                .map_err(|_| CliError::new(SOME_FAILED, "no random numbers from the system; no key was created"))?;
            let row = ApiKey {
                id: 0,
                name: name.clone(),
                hash: hash(&key),
                role: *role,
                created_at: at,
                revoked_at: None,
                last_used_at: None,
            };
            store.add_api_key(&row).await?;
            note(store, "create_key", name, Some(role.name()), at).await?;
            let key = key.expose_secret();
            if session.json {
                print_json(&json!({ "name": name, "role": role, "key": key }))
            } else {
                print(&format!("{key}\n"))?;
                crate::output::note(&format!(
                    "note: this is the key of {name} ({}); it will not be shown again",
                    role.name()
                ));
                Ok(())
            }
        }
        KeysCommand::List => {
            let keys = store.api_keys().await?;
            if session.json {
                let without_hash = |key: &ApiKey| {
                    json!({
                        "name": key.name,
                        "role": key.role,
                        "created_at": key.created_at,
                        "revoked_at": key.revoked_at,
                        "last_used_at": key.last_used_at,
                    })
                };
                return print_json(&keys.iter().map(without_hash).collect::<Vec<_>>());
            }
            print(&listed(&keys))
        }
        KeysCommand::Revoke { name } => {
            if !store.revoke_api_key(name, at).await? {
                return Err(CliError::usage(format!("there is no valid key named {name}"))
                    .hint("`barkeep keys list` shows all keys"));
            }
            note(store, "revoke_key", name, None, at).await?;
            if session.json { print_json(&json!({ "revoked": name })) } else { print(&format!("revoked {name}\n")) }
        }
    }
}

async fn note(store: &dyn Store, action: &str, name: &str, detail: Option<&str>, at: Ts) -> Result<(), CliError> {
    let action = OperatorAction {
        at,
        actor: "cli".to_owned(),
        action: action.to_owned(),
        target: Some(name.to_owned()),
        detail: detail.map(str::to_owned),
        result: "ok".to_owned(),
    };
    Ok(store.record_action(&action).await?)
}

fn listed(keys: &[ApiKey]) -> String {
    if keys.is_empty() {
        return "no keys: only requests from this machine are accepted, and they need none\n".to_owned();
    }
    let time = |t: Option<Ts>| t.map_or_else(|| "-".to_owned(), |t| t.to_string());
    let cells = |key: &ApiKey| {
        let (name, role) = (printable(&key.name), key.role.name().to_owned());
        [name, role, key.created_at.to_string(), time(key.last_used_at), time(key.revoked_at)]
    };
    table(["NAME", "ROLE", "CREATED", "LAST USED", "REVOKED"], &keys.iter().map(cells).collect::<Vec<_>>())
}
