//! Calls apt-get: to install packages as root, and to fetch a single package of another release without touching
//! the system's sources, lists or cache.
//!
//! Bounds: another package manager at work is waited for up to [`LOCK_BOUND`]; the network, as long as apt does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

use super::QUERY_BOUND;
use super::sources::{self, Source};
use crate::process;

/// How long to wait for another apt or dpkg to end: a large upgrade takes minutes.
const LOCK_BOUND: Duration = Duration::from_secs(300);
const LOCK_PAUSE: Duration = Duration::from_secs(5);
/// apt has time-outs of its own per connection; this is for all of them together.
const UPDATE_BOUND: Duration = Duration::from_secs(600);

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Never remove what is there: Debian's own rustc or rustup package would have to make room for rustc-web.
const INSTALL: [&str; 4] = ["install", "--yes", "--no-install-recommends", "--no-remove"];

/// Whether dpkg has all of the packages.
pub(super) fn installed(packages: &[&str]) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}\n"]).args(packages);
    let answer = process::answer(&mut query, QUERY_BOUND).unwrap_or_default();
    answer.lines().count() == packages.len() && answer.lines().all(|status| status == "installed")
}

/// Installs the packages, after reading the package lists anew.
///
/// # Errors
///
/// When this is not root and cannot become it (the error names the command to run), or when apt fails.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let Some(root) = Root::get() else { bail!("{}", root_is_needed(packages)) };
    if let Err(error) = update(&mut root.apt_get()) {
        // One of several sources being out of reach is apt's failure too; whether it matters, the install shows.
        println!("    {error:#}");
    }
    let mut install = root.apt_get();
    install.args(["--quiet", "--quiet", "-o", &format!("DPkg::Lock::Timeout={}", LOCK_BOUND.as_secs())]);
    install.args(["-o", "Dpkg::Use-Pty=0"]);
    process::run(install.args(INSTALL).args(packages))
}

fn root_is_needed(packages: &[&str]) -> String {
    format!(
        "this is not root, and `sudo` does not make it so without asking for a password. Please run\n\n  \
         sudo apt-get update && sudo apt-get install --no-install-recommends --no-remove {}\n\n\
         and then this again",
        packages.join(" ")
    )
}

/// How this process acts as root.
enum Root {
    Already,
    BySudo,
}

impl Root {
    fn get() -> Option<Self> {
        if geteuid().is_root() {
            return Some(Self::Already);
        }
        let sudo = process::capture(Command::new("sudo").args(["-n", "true"]), QUERY_BOUND);
        sudo.is_ok_and(|sudo| sudo.succeeded()).then_some(Self::BySudo)
    }

    fn apt_get(&self) -> Command {
        let mut command = Command::new(match self {
            Self::Already => "env",
            Self::BySudo => "sudo",
        });
        if matches!(self, Self::BySudo) {
            command.args(["-n", "env"]);
        }
        // In apt's own language, which `update` reads.
        command.args(["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get"]);
        command
    }
}

/// Runs `apt-get … update`, again while another process holds the lock of the lists, for which apt does not wait.
fn update(apt_get: &mut Command) -> Result<()> {
    apt_get.args(["--quiet", "update"]);
    println!("    $ {}", process::shown(apt_get));
    process::until("the lock on apt's lists", LOCK_BOUND, LOCK_PAUSE, || {
        let update = process::capture(apt_get, UPDATE_BOUND)?;
        if update.stderr.contains("Could not get lock") {
            return Ok(None);
        }
        if !update.succeeded() {
            bail!("`apt-get update` failed:\n{}", update.stderr.trim());
        }
        Ok(Some(()))
    })
}

/// Fetches one package of `suite` from the mirror that this machine's release comes from, and unpacks it to `into`.
///
/// Needs no root. Lists and cache go to `work`; `into` appears only when all has been done.
///
/// # Errors
///
/// When the machine's sources name no mirror for its release, or apt or dpkg fail.
pub(super) fn unpack(package: &str, suite: &str, work: &Path, into: &Path) -> Result<()> {
    let private = PrivateApt::prepare(work, suite)?;
    update(&mut private.apt_get())?;
    let mut download = private.apt_get();
    process::run(download.args(["--quiet", "download", &format!("{package}/{suite}")]))?;
    let archive = private.downloaded(package)?;
    let unfinished = work.join("unpacked");
    process::run(Command::new("dpkg").arg("-x").arg(&archive).arg(&unfinished))?;
    fs::rename(&unfinished, into).with_context(|| format!("cannot create {}", into.display()))?;
    fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))
}

/// An apt-get with sources, lists and a cache of its own.
struct PrivateApt {
    work: PathBuf,
}

impl PrivateApt {
    fn prepare(work: &Path, suite: &str) -> Result<Self> {
        let source = mirror_of_this_release()?;
        if work.exists() {
            fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))?;
        }
        for folder in ["lists/partial", "cache/archives/partial", "download"] {
            let folder = work.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let keyring = Path::new(KEYRING).exists().then_some(KEYRING);
        fs::write(work.join("mirror.sources"), source.list_for(suite, keyring))?;
        fs::write(work.join("apt.conf"), configuration(work))?;
        Ok(Self { work: work.to_owned() })
    }

    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-c").arg(self.work.join("apt.conf")).current_dir(self.work.join("download"));
        command
    }

    fn downloaded(&self, package: &str) -> Result<PathBuf> {
        let folder = self.work.join("download");
        let mut entries = fs::read_dir(&folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let archive = entries.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        archive.with_context(|| format!("apt-get left no {package} in {}", folder.display()))
    }
}

/// What keeps apt to `work`. Its own user may not be able to read there, so all is fetched as whoever this is; what
/// is fetched is checked by its signature.
fn configuration(work: &Path) -> String {
    let work = work.display();
    format!(
        "Dir::Etc::SourceList \"{work}/mirror.sources\";\nDir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{work}/lists\";\nDir::Cache \"{work}/cache\";\n\
         APT::Sandbox::User \"root\";\nAPT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\n"
    )
}

fn mirror_of_this_release() -> Result<Source> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release names no VERSION_CODENAME")?
        .trim_matches('"');
    let sources = system_sources(Path::new("/etc/apt"))?;
    sources
        .into_iter()
        .find(|source| source.serves_main_of(codename))
        .with_context(|| format!("no `deb` entry under /etc/apt serves `main` of {codename}"))
}

fn system_sources(etc: &Path) -> Result<Vec<Source>> {
    let mut lists = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        lists.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    }
    lists.sort();
    let mut found = Vec::new();
    for list in lists.iter().filter(|list| list.is_file()) {
        let text = || fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()));
        match list.extension().and_then(|extension| extension.to_str()) {
            Some("list") => found.extend(sources::one_line(&text()?)),
            Some("sources") => found.extend(sources::deb822(&text()?)),
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_lists_are_read_in_both_forms_and_nothing_else() {
        let etc = tempfile::tempdir().unwrap();
        let parts = etc.path().join("sources.list.d");
        fs::create_dir(&parts).unwrap();
        let line = |suite: &str| format!("deb http://mirror.example/debian {suite} main\n");
        fs::write(etc.path().join("sources.list"), line("one")).unwrap();
        fs::write(parts.join("b.list"), line("two")).unwrap();
        fs::write(parts.join("c.list.disabled"), line("off")).unwrap();
        fs::write(
            parts.join("a.sources"),
            "Types: deb\nURIs: http://m.example\nSuites: three\nComponents: main\n",
        )
        .unwrap();
        let found = system_sources(etc.path()).unwrap();
        let suites: Vec<_> = found.iter().map(|source| source.suites.concat()).collect();
        assert_eq!(suites, ["one", "three", "two"]);
    }

    #[test]
    fn a_machine_without_lists_has_no_sources() {
        let etc = tempfile::tempdir().unwrap();
        assert_eq!(system_sources(etc.path()).unwrap(), []);
    }

    #[test]
    fn without_root_a_person_is_told_the_whole_command() {
        let told = root_is_needed(&["rustc-web", "rust-web-src"]);
        assert!(
            told.contains(
                "sudo apt-get install --no-install-recommends --no-remove rustc-web rust-web-src\n"
            )
        );
    }
}
