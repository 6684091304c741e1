//! Which folders outside the system's own the program may see: the toolchains of the host, found from
//! the caller's `PATH` and well-known variables. An allow-list: a home folder as a whole, the current
//! folder, and what the harness names as its own are never on it, nor is a folder that holds one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The system's own folders, visible to every program.
pub const SYSTEM: &[&str] = &[
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix",
];

/// `PATH` where the caller has none.
const PLAIN_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables that name the folder of a toolchain.
const HOMES: &[&str] = &[
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "RUSTUP_HOME",
    "GOROOT",
    "JAVA_HOME",
    "NVM_DIR",
    "DOTNET_ROOT",
    "RBENV_ROOT",
    "SDKMAN_DIR",
];

/// Variables that steer a toolchain without naming a folder or a secret.
const STEERING: &[&str] = &[
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "GOTOOLCHAIN",
    "PYENV_VERSION",
];

/// What to show of the host beyond [`SYSTEM`], and the variables that go with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Toolchains {
    /// Folders and files shown read-only at their own place. None lies within another.
    pub shown: Vec<PathBuf>,
    /// Entries of the program's `PATH`, in order.
    pub path: Vec<PathBuf>,
    pub env: BTreeMap<String, String>,
    /// The host's cargo folder, if it has one: the source for builds without a network.
    pub cargo: Option<PathBuf>,
}

/// What is asked for.
pub struct Wish<'a> {
    /// The caller's variables; only `PATH`, `HOME` and the well-known ones are looked at.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The program's name or path, if it is known; its folder is shown even if no `PATH` leads there.
    pub command: Option<&'a str>,
    /// Folders to show because the user said so.
    pub expose: &'a [PathBuf],
    /// Folders of which nothing but exact toolchain folders within may be shown: the current folder,
    /// task packs, results.
    pub hidden: &'a [PathBuf],
}

impl Toolchains {
    /// Looks at the host.
    pub fn find(wish: &Wish) -> Toolchains {
        let mut found = Finder::new(wish);
        found.variables(wish.env);
        let path = (wish.env)("PATH").unwrap_or_else(|| PLAIN_PATH.to_owned());
        for entry in std::env::split_paths(&path) {
            found.entry(&entry);
        }
        if let Some(command) = wish.command {
            found.command(command, &path);
        }
        for path in wish.expose {
            found.show(path);
        }
        found.finish()
    }
}

struct Finder {
    homes: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    made: Toolchains,
}

impl Finder {
    fn new(wish: &Wish) -> Finder {
        let homes = (wish.env)("HOME").map(PathBuf::from).into_iter().collect();
        let hidden = wish.hidden.iter().map(|path| real(path)).collect();
        Finder {
            homes,
            hidden,
            made: Toolchains::default(),
        }
    }

    fn home(&self) -> Option<&Path> {
        self.homes.first().map(PathBuf::as_path)
    }

    /// The toolchains named by variables, or lying where they lie by default.
    fn variables(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        for &name in HOMES {
            let default = match name {
                "RUSTUP_HOME" => self.home().map(|home| home.join(".rustup")),
                _ => None,
            };
            let Some(folder) = env(name).map(PathBuf::from).or(default) else {
                continue;
            };
            if folder.is_absolute() && folder.is_dir() && (is_system(&folder) || self.show(&folder))
            {
                self.made
                    .env
                    .insert(name.to_owned(), folder.to_string_lossy().into_owned());
            }
        }
        for &name in STEERING {
            if let Some(value) = env(name) {
                self.made.env.insert(name.to_owned(), value);
            }
        }
        let cargo = env("CARGO_HOME")
            .map(PathBuf::from)
            .or(self.home().map(|home| home.join(".cargo")));
        self.made.cargo = cargo.filter(|folder| folder.is_absolute() && folder.is_dir());
    }

    /// One entry of `PATH`.
    fn entry(&mut self, entry: &Path) {
        if !entry.is_absolute()
            || !entry.is_dir()
            || self.made.path.iter().any(|known| known == entry)
        {
            return;
        }
        if is_system(entry) {
            self.made.path.push(entry.to_owned());
            return;
        }
        let parent = entry.parent().unwrap_or(Path::new("/"));
        let shown = match entry.file_name().and_then(|name| name.to_str()) {
            // Shims ask a script which version to run; the version's own folder is faster.
            Some("shims") => {
                for version in versions(parent) {
                    self.made.path.push(version);
                }
                self.show(parent)
            }
            Some("bin") if self.is_store(parent) => {
                // A folder that also holds credentials and other programs' data.
                let _ = parent.join("lib").is_dir() && self.show(&parent.join("lib"));
                self.show(entry)
            }
            Some("bin") => self.show(parent) || self.show(entry),
            _ => self.show(entry),
        };
        if shown {
            self.made.path.push(entry.to_owned());
        }
    }

    /// The command's own place, and where its links lead to.
    fn command(&mut self, command: &str, path: &str) {
        let place = if command.contains('/') {
            Some(PathBuf::from(command)).filter(|path| path.is_absolute())
        } else {
            std::env::split_paths(path)
                .map(|entry| entry.join(command))
                .find(|file| file.is_file())
        };
        let Some(place) = place else { return };
        for file in [place.clone(), real(&place)] {
            if !file.is_file() || is_system(&file) || self.is_shown(&file) {
                continue;
            }
            let folder = file.parent().unwrap_or(Path::new("/"));
            let above = folder.parent().unwrap_or(Path::new("/"));
            let whole = folder.ends_with("bin") && !self.is_store(above) && self.show(above);
            if !whole {
                self.show(&file);
            }
        }
    }

    /// Folders such as `~/.cargo` and `~/.local`, of which only parts are toolchains.
    fn is_store(&self, folder: &Path) -> bool {
        let cargo = self
            .made
            .cargo
            .as_deref()
            .is_some_and(|cargo| real(cargo) == real(folder));
        cargo || folder.ends_with(".local") || folder.ends_with(".cargo")
    }

    fn is_shown(&self, path: &Path) -> bool {
        self.made.shown.iter().any(|shown| path.starts_with(shown))
    }

    /// Puts a folder on the list unless it is (or holds) something that must not be seen.
    /// True if the program will see it.
    fn show(&mut self, path: &Path) -> bool {
        if is_system(path) || self.is_shown(path) {
            return true;
        }
        if !self.allowed(path) {
            return false;
        }
        self.made.shown.push(path.to_owned());
        // A link is shown at its own place; what it leads to is shown as well, for links within.
        let target = real(path);
        if target != path && !is_system(&target) && !self.is_shown(&target) && self.allowed(&target)
        {
            self.made.shown.push(target);
        }
        true
    }

    fn allowed(&self, path: &Path) -> bool {
        let path = real(path);
        let above = |inner: &PathBuf| real(inner).starts_with(&path);
        let is_home = matches!(
            path.parent().and_then(Path::to_str),
            Some("/home" | "/Users")
        );
        path.is_absolute()
            && path.exists()
            && path.parent().is_some()
            && !is_home
            && !RESERVED.iter().any(|reserved| Path::new(reserved) == path)
            && !self.homes.iter().any(above)
            && !self.hidden.iter().any(above)
    }

    fn finish(mut self) -> Toolchains {
        self.made.shown.sort();
        let mut shown: Vec<PathBuf> = Vec::new();
        for path in self.made.shown {
            if !shown.iter().any(|outer| path.starts_with(outer)) {
                shown.push(path);
            }
        }
        if self.made.path.is_empty() {
            self.made.path = std::env::split_paths(PLAIN_PATH).collect();
        }
        Toolchains { shown, ..self.made }
    }
}

/// Folders that the arena makes itself or that are never a toolchain.
const RESERVED: &[&str] = &[
    "/", "/dev", "/home", "/in", "/media", "/mnt", "/proc", "/root", "/run", "/srv", "/sys",
    "/tmp", "/var", "/work",
];

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Folders of the versions that a pyenv-like manager has chosen, the first one first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let chosen = std::fs::read_to_string(root.join("version")).unwrap_or_default();
    let names = chosen
        .split_whitespace()
        .filter(|name| !name.contains('/') && !name.starts_with('.'));
    names
        .map(|name| root.join("versions").join(name).join("bin"))
        .filter(|bin| bin.is_dir())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A home with a pyenv, a cargo folder with a secret, `~/.local` and a project.
    fn home() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in [
            ".pyenv/shims",
            ".pyenv/versions/3.11.7/bin",
            ".cargo/bin",
            ".rustup",
            ".local/bin",
            ".local/lib",
            ".local/share/keyrings",
            ".ssh",
            "bin",
            "sdk/go/bin",
            "project/venv/bin",
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join(".pyenv/version"), "3.11.7\n").unwrap();
        fs::write(dir.path().join(".cargo/credentials.toml"), "token").unwrap();
        dir
    }

    fn find(home: &Path, path: &[&str], command: Option<&str>) -> Toolchains {
        let path: Vec<PathBuf> = path
            .iter()
            .map(|p| {
                if p.starts_with('/') {
                    p.into()
                } else {
                    home.join(p)
                }
            })
            .collect();
        let path = std::env::join_paths(path).unwrap().into_string().unwrap();
        let env = |name: &str| match name {
            "PATH" => Some(path.clone()),
            "HOME" => Some(home.to_str().unwrap().to_owned()),
            _ => None,
        };
        let hidden = [home.join("project")];
        Toolchains::find(&Wish {
            env: &env,
            command,
            expose: &[],
            hidden: &hidden,
        })
    }

    fn names(home: &Path, list: &[PathBuf]) -> Vec<String> {
        list.iter()
            .map(|p| {
                p.strip_prefix(home)
                    .unwrap_or(p)
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn shims_stand_behind_the_chosen_version() {
        let home = home();
        let found = find(home.path(), &[".pyenv/shims", "/usr/bin"], None);
        let path = names(home.path(), &found.path);
        assert_eq!(
            path,
            [".pyenv/versions/3.11.7/bin", ".pyenv/shims", "/usr/bin"]
        );
        assert_eq!(names(home.path(), &found.shown), [".pyenv", ".rustup"]);
    }

    #[test]
    fn folders_with_secrets_are_shown_in_part() {
        let home = home();
        let found = find(
            home.path(),
            &[".cargo/bin", ".local/bin", "sdk/go/bin"],
            None,
        );
        let shown = names(home.path(), &found.shown);
        assert_eq!(
            shown,
            [
                ".cargo/bin",
                ".local/bin",
                ".local/lib",
                ".rustup",
                "sdk/go"
            ]
        );
    }

    #[test]
    fn a_home_or_a_hidden_folder_is_never_shown() {
        let home = home();
        let found = find(home.path(), &["bin", "project", "."], None);
        assert_eq!(names(home.path(), &found.shown), [".rustup", "bin"]);
        assert_eq!(names(home.path(), &found.path), ["bin"]);
        let found = find(home.path(), &["project/venv/bin"], None);
        assert_eq!(
            names(home.path(), &found.shown),
            [".rustup", "project/venv"]
        );
    }

    #[test]
    fn a_command_outside_of_path_brings_its_folder() {
        let home = home();
        let tool = home.path().join("sdk/go/bin/go");
        fs::write(&tool, "").unwrap();
        symlink(&tool, home.path().join("bin/go")).unwrap();
        let found = find(home.path(), &["bin"], Some("go"));
        assert_eq!(
            names(home.path(), &found.shown),
            [".rustup", "bin", "sdk/go"]
        );
    }
}
