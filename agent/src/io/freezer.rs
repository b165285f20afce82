//! Freezes containers by their control groups, without Docker: microseconds, where Docker's pause takes a tenth of a second.
//!
//! A container's group is found by its id, which is the end of its path: `docker/ID` under the cgroupfs driver,
//! `system.slice/docker-ID.scope` under systemd's, elsewhere under a parent that somebody chose. (Not by
//! `/proc/PID/cgroup`: the unit hides other processes.) In version 2 `cgroup.freeze` takes 1 and 0, in version 1 `freezer.state`
//! takes FROZEN and THAWED (Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/freezer-subsystem.rst).
//!
//! Whatever is frozen is noted first. The note lies where `/run` is, so that it ends when the frozen processes do: with the
//! node, not with the agent. It is no durable write, and needs to be none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hardware::linux::Root;
use tracing::warn;

use crate::core::event::{ActionError, ContainerId};

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";
/// How deep below the mount a container's group is looked for: rootless Docker has it at the sixth.
const DEPTH_MAX: usize = 7;
/// So many folders are looked into at the most: a Pi has a few hundred.
const FOLDERS_MAX: usize = 20_000;

/// How a kernel's groups freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Two,
    One,
}

impl Version {
    const fn file(self) -> &'static str {
        match self {
            Self::Two => "cgroup.freeze",
            Self::One => "freezer.state",
        }
    }

    const fn word(self, frozen: bool) -> &'static str {
        match (self, frozen) {
            (Self::Two, true) => "1",
            (Self::Two, false) => "0",
            (Self::One, true) => "FROZEN",
            (Self::One, false) => "THAWED",
        }
    }
}

/// Freezes and thaws.
#[derive(Debug)]
pub struct Freezer {
    mount: PathBuf,
    version: Version,
    note: PathBuf,
    /// The files to write to, by container.
    places: BTreeMap<ContainerId, PathBuf>,
    frozen: BTreeSet<ContainerId>,
}

impl Freezer {
    /// For the control groups under this root, with the note at this path. Takes up what the note says is frozen.
    pub fn new(root: &Root, note: &Path) -> Self {
        let mount = root.path(CGROUPS);
        // With both mounted, Docker freezes by the first version's.
        let (mount, version) = match mount.join("freezer") {
            first if !mount.join("cgroup.controllers").exists() && first.is_dir() => (first, Version::One),
            _ => (mount, Version::Two),
        };
        if let Some(folder) = note.parent() {
            // When this fails, so does every note, and what is to be frozen says why.
            let _ = fs::create_dir_all(folder);
        }
        let noted = fs::read_to_string(note).unwrap_or_default();
        let whole = |id: &&str| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let frozen = noted.lines().filter(whole).map(|id| ContainerId(id.to_owned())).collect();
        Self { mount, version, note: note.to_owned(), places: BTreeMap::new(), frozen }
    }

    /// What is frozen, as far as the note says.
    pub fn frozen(&self) -> Vec<ContainerId> {
        self.frozen.iter().cloned().collect()
    }

    /// Whether a container is frozen by us.
    pub fn holds(&self, id: &ContainerId) -> bool {
        self.frozen.contains(id)
    }

    /// Looks up where running containers are to be frozen, so that nothing has to be looked for when it must be quick.
    pub fn prepare(&mut self, running: &[ContainerId]) {
        self.places.retain(|id, _| running.contains(id));
        let new: Vec<&ContainerId> = running.iter().filter(|id| !self.places.contains_key(*id)).collect();
        if !new.is_empty() {
            let found = self.find(&new);
            self.places.extend(found);
        }
    }

    /// Freezes a container; noted first.
    ///
    /// # Errors
    /// No such group, no permission, or no place for the note.
    pub fn freeze(&mut self, id: &ContainerId) -> Result<(), ActionError> {
        let place = self.place(id)?;
        if self.frozen.insert(id.clone())
            && let Err(error) = self.note_one(id)
        {
            self.frozen.remove(id);
            return Err(ActionError::Refused(format!("{}: {error}", self.note.display())));
        }
        write(&place, self.version.word(true)).inspect_err(|_| self.forget(id))
    }

    /// Thaws a container, and strikes it from the note. One that is gone is no error.
    ///
    /// # Errors
    /// The kernel refuses: it stays noted.
    pub fn thaw(&mut self, id: &ContainerId) -> Result<(), ActionError> {
        match self.place(id).and_then(|place| write(&place, self.version.word(false))) {
            Ok(()) | Err(ActionError::NotFound) => {
                self.forget(id);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn place(&mut self, id: &ContainerId) -> Result<PathBuf, ActionError> {
        match self.places.get(id) {
            Some(place) if place.exists() => Ok(place.clone()),
            _ => {
                let found = self.find(&[id]);
                self.places.extend(found);
                self.places.get(id).cloned().ok_or(ActionError::NotFound)
            }
        }
    }

    fn find(&self, ids: &[&ContainerId]) -> BTreeMap<ContainerId, PathBuf> {
        let mut found = BTreeMap::new();
        for id in ids {
            let usual = [format!("docker/{}", id.0), format!("system.slice/docker-{}.scope", id.0)];
            let place = usual.iter().map(|group| self.mount.join(group).join(self.version.file()));
            if let Some(place) = place.into_iter().find(|place| place.exists()) {
                found.insert((*id).clone(), place);
            }
        }
        if found.len() < ids.len() {
            self.walk(ids, &mut found);
        }
        found
    }

    /// Looks into every group, level by level, for those that are still missing.
    fn walk(&self, ids: &[&ContainerId], found: &mut BTreeMap<ContainerId, PathBuf>) {
        let (mut level, mut left) = (vec![self.mount.clone()], FOLDERS_MAX);
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for folder in level {
                for child in fs::read_dir(&folder).into_iter().flatten().flatten() {
                    if left == 0 || found.len() == ids.len() {
                        return;
                    }
                    if !child.file_type().is_ok_and(|kind| kind.is_dir()) {
                        continue;
                    }
                    left -= 1;
                    let (path, name) = (child.path(), child.file_name());
                    let name = name.to_string_lossy();
                    let own =
                        name.strip_suffix(".scope").and_then(|name| name.rsplit('-').next()).unwrap_or(&name);
                    match ids.iter().find(|id| id.0 == own) {
                        Some(id) => {
                            found.insert((*id).clone(), path.join(self.version.file()));
                        }
                        None => next.push(path),
                    }
                }
            }
            level = next;
        }
    }

    fn note_one(&self, id: &ContainerId) -> io::Result<()> {
        let mut note = OpenOptions::new().append(true).create(true).open(&self.note)?;
        note.write_all(format!("{}\n", id.0).as_bytes())
    }

    fn forget(&mut self, id: &ContainerId) {
        if !self.frozen.remove(id) {
            return;
        }
        let text = self.frozen.iter().fold(String::new(), |text, id| text + &id.0 + "\n");
        let new = self.note.with_extension("new");
        if let Err(error) = fs::write(&new, text).and_then(|()| fs::rename(&new, &self.note)) {
            // Thawed and still noted: it is thawed once more at the next start, which does no harm.
            warn!("{}: {error}", self.note.display());
        }
    }
}

fn write(place: &Path, word: &str) -> Result<(), ActionError> {
    let written =
        OpenOptions::new().write(true).open(place).and_then(|mut file| file.write_all(word.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ActionError::NotFound,
        // A group that ends while its file is open.
        _ if error.raw_os_error() == Some(19) => ActionError::NotFound,
        _ => ActionError::Refused(format!("{}: {error}", place.display())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> ContainerId {
        ContainerId(digit.to_string().repeat(64))
    }

    struct Made {
        folder: tempfile::TempDir,
    }

    impl Made {
        /// A tree of control groups; `file` is what each has.
        fn new(groups: &[String], file: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for group in groups {
                let group = folder.path().join("sys/fs/cgroup").join(group);
                fs::create_dir_all(&group).unwrap();
                fs::write(group.join(file), "").unwrap();
            }
            Self { folder }
        }

        fn two(groups: &[String]) -> Self {
            let made = Self::new(groups, "cgroup.freeze");
            fs::create_dir_all(made.folder.path().join("sys/fs/cgroup")).unwrap();
            fs::write(made.folder.path().join("sys/fs/cgroup/cgroup.controllers"), "").unwrap();
            made
        }

        fn freezer(&self) -> Freezer {
            Freezer::new(&Root::at(self.folder.path()), &self.note())
        }

        fn note(&self) -> PathBuf {
            self.folder.path().join("run/heliostat/frozen")
        }

        fn word(&self, group: &str) -> String {
            let group = self.folder.path().join("sys/fs/cgroup").join(group);
            fs::read_to_string(group.join("cgroup.freeze"))
                .or_else(|_| fs::read_to_string(group.join("freezer.state")))
                .unwrap()
        }
    }

    #[test]
    fn a_container_is_found_under_every_layout_that_docker_has() {
        let groups = [
            format!("docker/{}", id('1').0),
            format!("system.slice/docker-{}.scope", id('2').0),
            format!("pi.slice/pi-work.slice/docker-{}.scope", id('3').0),
            format!("user.slice/user-1000.slice/user@1000.service/user.slice/docker-{}.scope", id('4').0),
            format!("lab-n1/{}", id('5').0),
        ];
        let made = Made::two(&groups);
        let mut freezer = made.freezer();
        for (digit, group) in ('1'..='5').zip(&groups) {
            freezer.freeze(&id(digit)).unwrap();
            assert_eq!(made.word(group), "1", "{group}");
        }
        assert_eq!(freezer.freeze(&id('6')), Err(ActionError::NotFound));
        assert_eq!(freezer.frozen().len(), 5);
        freezer.thaw(&id('3')).unwrap();
        assert_eq!(made.word(&groups[2]), "0");
    }

    #[test]
    fn of_the_first_version_the_freezer_hierarchy_is_used() {
        let group = format!("freezer/docker/{}", id('a').0);
        let made = Made::new(&[group.clone(), "unified/x".to_owned()], "freezer.state");
        let mut freezer = made.freezer();
        freezer.prepare(&[id('a')]);
        freezer.freeze(&id('a')).unwrap();
        assert_eq!(made.word(&group), "FROZEN");
        freezer.thaw(&id('a')).unwrap();
        assert_eq!(made.word(&group), "THAWED");
    }

    #[test]
    fn the_next_life_knows_what_this_one_froze() {
        let groups = [format!("docker/{}", id('1').0), format!("docker/{}", id('2').0)];
        let made = Made::two(&groups);
        let mut freezer = made.freezer();
        freezer.freeze(&id('1')).unwrap();
        freezer.freeze(&id('2')).unwrap();
        freezer.thaw(&id('1')).unwrap();
        // The crash.
        drop(freezer);
        let mut next = made.freezer();
        assert_eq!(next.frozen(), [id('2')]);
        next.thaw(&id('2')).unwrap();
        assert_eq!(made.word(&groups[1]), "0");
        assert!(made.freezer().frozen().is_empty());
    }

    #[test]
    fn what_cannot_be_noted_is_not_frozen() {
        let group = format!("docker/{}", id('1').0);
        let made = Made::two(std::slice::from_ref(&group));
        // A folder where the note should be.
        fs::create_dir_all(made.note()).unwrap();
        let mut freezer = made.freezer();
        let Err(ActionError::Refused(words)) = freezer.freeze(&id('1')) else { panic!("it must be refused") };
        assert!(words.contains("frozen"), "{words}");
        assert_eq!(made.word(&group), "", "untouched");
        assert!(!freezer.holds(&id('1')));
    }

    #[test]
    fn a_container_that_is_gone_is_thawed_and_a_torn_note_is_no_container() {
        let made = Made::two(&[]);
        fs::create_dir_all(made.note().parent().unwrap()).unwrap();
        fs::write(made.note(), format!("{}\n{}", id('1').0, &id('2').0[..30])).unwrap();
        let mut freezer = made.freezer();
        assert_eq!(freezer.frozen(), [id('1')]);
        freezer.thaw(&id('1')).unwrap();
        assert!(!freezer.holds(&id('1')));
    }
}
