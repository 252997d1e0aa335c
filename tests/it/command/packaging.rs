//! What packages are made of: the unit, manual pages, completions, examples, the settings of the container.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn laid_out() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(root().join("contrib/package"))
        .args([Path::new(env!("CARGO_BIN_EXE_barkeep")), dir.path()])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    dir
}

#[test]
fn a_package_has_every_file_that_is_listed_for_it() {
    let dir = laid_out();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let assets = manifest.split("[package.metadata.deb]").nth(1).unwrap().split("[lints]").next().unwrap();
    let sources: Vec<&str> =
        assets.lines().filter_map(|line| line.trim().strip_prefix("[\"target/")?.split('"').next()).collect();
    assert!(sources.len() >= 8, "{sources:?}");
    for source in sources {
        let Some(path) = source.strip_prefix("package/") else {
            assert_eq!(source, "release/barkeep");
            continue;
        };
        let path = dir.path().join(path);
        let name = path.file_name().unwrap().to_str().unwrap();
        let found: Vec<PathBuf> = match name.strip_prefix('*') {
            Some(end) => {
                let parent = path.parent().unwrap();
                names(parent).iter().filter(|name| name.ends_with(end)).map(|name| parent.join(name)).collect()
            }
            None => vec![path.clone()],
        };
        assert!(!found.is_empty(), "{source} means no file");
        for file in found {
            assert!(std::fs::metadata(&file).unwrap().len() > 100, "{} is empty", file.display());
        }
    }
    // One page for each command that the program lists, and one for itself.
    let pages = names(&dir.path().join("man"));
    let listed = Command::new(env!("CARGO_BIN_EXE_barkeep")).args(["man", "--markdown"]).output().unwrap();
    let commands = said(&listed).lines().filter(|line| line.starts_with("| `barkeep ")).count();
    assert_eq!(pages.len(), commands + 1, "{pages:?}");
    for page in ["barkeep.1", "barkeep-backfill.1", "barkeep-symbols-add.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} is not in {pages:?}");
    }
    let unit = std::fs::read_to_string(dir.path().join("barkeep.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/barkeep run --headless") && !unit.contains("/usr/local"), "{unit}");
}

#[test]
#[cfg_attr(without_systemd, ignore = "needs systemd-analyze: apt-get install systemd")]
fn systemd_has_nothing_against_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(root().join("contrib/systemd/barkeep.service")).unwrap();
    assert!(unit.contains("/usr/local/bin/barkeep"), "{unit}");
    // The program must be there to be found.
    let here = unit.replace("/usr/local/bin/barkeep", env!("CARGO_BIN_EXE_barkeep"));
    let file = dir.path().join("barkeep.service");
    std::fs::write(&file, &here).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().unwrap();
    assert!(verified.status.success() && verified.stderr.is_empty(), "{}", said(&verified));
    // It tells a mistake from none.
    std::fs::write(&file, here.replace("Restart=on-failure", "Restart=sometimes")).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().unwrap();
    assert!(said(&verified).contains("restart specifier"), "{}", said(&verified));
}

#[test]
fn the_settings_of_the_container_are_valid() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_barkeep"))
        .args(["config", "check", "--config"])
        .arg(root().join("contrib/docker/barkeep.yaml"))
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let compose = std::fs::read_to_string(root().join("contrib/docker/compose.yml")).unwrap();
    assert!(compose.contains("./barkeep.yaml:/etc/barkeep/barkeep.yaml"), "{compose}");
}
