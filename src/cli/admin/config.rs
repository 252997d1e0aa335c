//! `barkeep config`: the configuration in effect, where it comes from, and whether it is valid.

mod edit;

use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::exit::{CliError, SCHEMA, SOME_FAILED};
use crate::globals::Globals;
use crate::output::{print, print_json};
use crate::work::dashboard::own_theme;
use barkeep_base::text::printable;
use barkeep_config::describe::{SettingsFile, schema_of};
use barkeep_config::{DEFAULT_SETTINGS, Environment, Loaded, Sources};
use barkeep_tui::keymap::{Keymap, generated_keys};

/// Check and show the configuration
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum ConfigCommand {
    /// Check the configuration and show which files are used
    Check,
    /// Print all settings in effect and where each comes from, without secrets
    Print {
        /// Print the commented default settings, as a start for your own file
        #[arg(long, conflicts_with = "policy")]
        defaults: bool,
        /// Print the recovery policy (rto_rpo_config.yaml)
        #[arg(long)]
        policy: bool,
    },
    /// Print the JSON schema of the settings file, for editors that check and complete it
    Schema {
        /// The schema of the recovery policy (rto_rpo_config.yaml) instead
        #[arg(long)]
        policy: bool,
    },
    /// Write the commented default settings to a new file
    Init,
    /// Edit the settings file in $VISUAL or $EDITOR; it is checked before it is saved
    Edit,
    /// Print the files that are used
    Path,
    /// List the actions of the dashboard and their keys
    Keys {
        /// Print the default keys as a Markdown table
        #[arg(long)]
        markdown: bool,
    },
}

pub(crate) fn run(args: &ConfigArgs, globals: &Globals) -> Result<(), CliError> {
    match args.command {
        ConfigCommand::Keys { markdown: true } => print(&generated_keys()),
        ConfigCommand::Keys { markdown: false } => print(&Keymap::new(&globals.load()?.settings.keys)?.listing()),
        ConfigCommand::Check => check(globals),
        ConfigCommand::Init => init(globals),
        ConfigCommand::Edit => edit::run(globals),
        ConfigCommand::Print { defaults: true, .. } => print(DEFAULT_SETTINGS),
        ConfigCommand::Print { policy, .. } => {
            let effective = globals.load()?.effective;
            match (globals.json, policy) {
                (true, _) => print_json(&effective.json()),
                (false, true) => print(&effective.policy_yaml()),
                (false, false) => print(&effective.settings_yaml()),
            }
        }
        ConfigCommand::Schema { policy } => {
            let schema = schema_of(if policy { SettingsFile::Policy } else { SettingsFile::Settings })?;
            print(&format!("{schema:#}\n"))
        }
        ConfigCommand::Path => {
            let sources = globals.load()?.sources;
            if globals.json { print_json(&files_json(&sources)) } else { print(&files_text(&sources)) }
        }
    }
}

/// Writes the file that `--config` names, else the one of the user.
fn init(globals: &Globals) -> Result<(), CliError> {
    let path = match &globals.config {
        Some(path) => path.clone(),
        None => globals.load()?.sources.searched.pop().ok_or_else(|| {
            CliError::usage("there is no directory for settings").hint("name a file with --config FILE")
        })?,
    };
    let shown = printable(&path.display().to_string());
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::usage(format!("{shown} exists; nothing was written")).hint("`barkeep config check` checks it")
        }
        _ => CliError::new(SOME_FAILED, format!("cannot write {shown}: {e}")),
    };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    let mut file = std::fs::File::create_new(&path).map_err(failed)?;
    file.write_all(DEFAULT_SETTINGS.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    if globals.json {
        return print_json(&json!({ "schema": SCHEMA, "written": path }));
    }
    print(&format!("wrote {shown} with every setting at its default\n"))
}

/// The settings, when everything in them can be used.
fn sound(globals: &Globals) -> Result<Loaded, CliError> {
    let loaded = globals.load()?;
    Keymap::new(&loaded.settings.keys)?;
    own_theme(&loaded.settings.tui.theme)?;
    Ok(loaded)
}

fn check(globals: &Globals) -> Result<(), CliError> {
    let loaded = sound(globals)?;
    let key = barkeep_config::find_key(&loaded.settings, &Environment::of_process())?.map(|(_, source)| source);
    let database = loaded.settings.database.to_string();
    if globals.json {
        let mut all = files_json(&loaded.sources);
        if let Some(object) = all.as_object_mut() {
            object.extend([
                ("ok".into(), json!(true)),
                ("database".into(), json!(database)),
                ("key".into(), json!(key)),
            ]);
        }
        return print_json(&all);
    }
    let key = key.unwrap_or_else(|| "none; set MASSIVE_API_KEY (not needed with --simulated)".into());
    print(&format!("configuration OK\n{}database  {database}\nAPI key   {key}\n", files_text(&loaded.sources)))
}

fn files_text(sources: &Sources) -> String {
    let searched: Vec<String> = sources.searched.iter().map(|p| p.display().to_string()).collect();
    let settings = sources.config.as_ref().map(|p| p.display().to_string());
    let settings = settings.unwrap_or_else(|| format!("built-in defaults (no {})", searched.join(", no ")));
    let policy = sources.policy.as_ref().map(|p| p.display().to_string());
    format!("settings  {settings}\npolicy    {}\n", policy.unwrap_or_else(|| "built-in defaults".to_owned()))
}

fn files_json(sources: &Sources) -> serde_json::Value {
    json!({ "settings": sources.config, "policy": sources.policy, "searched": sources.searched })
}
