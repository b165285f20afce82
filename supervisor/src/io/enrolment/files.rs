//! The files under `trust/`, each written whole or not at all.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::NodeName;
use protocol::trust::kept;
use protocol::trust::{Clock, Credentials, Fingerprint, Identity, KeptError, Key, Role, Who, token};
use rustls::pki_types::CertificateDer;

use super::issue::{self, IssueError};
use crate::core::enrolment::ledger::{Enrolment, Ledger};

/// More supervisors than that are no help.
const PEERS_MAX: usize = 16;

/// Why the cluster's trust cannot be had or made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is one already.
    #[error(
        "{folder} belongs to a cluster already, as supervisor {name} under the authority {authority}; nothing was \
         changed{hint}",
        folder = folder.display()
    )]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// This supervisor's name in it.
        name: String,
        /// The fingerprint of its authority.
        authority: String,
        /// What else could be wanted.
        hint: &'static str,
    },
    /// An identity or a key cannot be read or written.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A certificate could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// No key could be drawn.
    #[error(transparent)]
    Key(#[from] protocol::trust::keys::KeyError),
    /// The ledger is no ledger: to go on without it would forget who was revoked.
    #[error("{path}: this is no ledger ({why}); restore it, or join this supervisor again", path = path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The identity is not a supervisor's.
    #[error("{path}: this is the identity of {who}, not of a supervisor", path = path.display())]
    NotASupervisor {
        /// The file.
        path: PathBuf,
        /// Whom it names.
        who: String,
    },
    /// It belongs to somebody else.
    #[error("{path}: {cause}", path = path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Why its owner could not be set.
        cause: io::Error,
    },
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// What a supervisor of a cluster has.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its issuing key and certificate, and the authority's certificate.
    pub issuing: Credentials,
    /// Its name and enrolment.
    pub who: Who,
    /// The authority's own key, where it is.
    pub authority_key: Option<Arc<Key>>,
}

impl Folder {
    /// Under a supervisor's data folder.
    pub fn of(data: &Path) -> Self {
        Self { path: data.join("trust") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file of this supervisor's identity.
    pub fn identity(&self) -> PathBuf {
        self.file("supervisor.pem")
    }

    /// The ledger's.
    pub fn ledger_file(&self) -> PathBuf {
        self.file("ledger.json")
    }

    /// The clock by which certificates are judged.
    pub fn clock(&self) -> Clock {
        Clock::open(&self.file("clock"))
    }

    /// Whether this supervisor belongs to a cluster, as far as a look at the folder tells.
    pub fn is_enrolled(&self) -> bool {
        fs::symlink_metadata(self.identity()).is_ok()
    }

    /// What this supervisor has; `None` while it belongs to no cluster.
    ///
    /// # Errors
    /// What is there and cannot be used.
    pub fn load(&self) -> Result<Option<Held>, TrustError> {
        let path = self.identity();
        let Some(issuing) = Credentials::load(&path)? else { return Ok(None) };
        let who = issuing
            .identity()
            .map_err(|_| KeptError::Damaged { path: path.clone(), why: "its certificate names nobody" })?
            .who;
        if who.role != Role::Issuer {
            return Err(TrustError::NotASupervisor { path, who: who.to_string() });
        }
        let authority_key = kept::load_key(&self.file("authority.key"))?.map(Arc::new);
        Ok(Some(Held { issuing, who, authority_key }))
    }

    /// Makes a cluster's authority, and this supervisor its first.
    ///
    /// # Errors
    /// [`TrustError::Taken`] when there is one; otherwise whatever stood in the way, with nothing half done: the
    /// identity, which makes the rest count, comes last.
    pub fn init(&self, name: &NodeName) -> Result<Held, TrustError> {
        self.refuse_taken("; to begin anew, stop the supervisor and move that folder away")?;
        let clock = self.clock();
        let (authority_key, key) = (Key::draw()?, Arc::new(Key::draw()?));
        let authority = issue::authority(&authority_key, clock.now())?;
        let who = Who { role: Role::Issuer, name: name.clone(), enrolment: token::draw_enrolment()? };
        let ends = clock.now().plus(issue::AUTHORITY_LASTS);
        let issuer = issue::issuer(clock.now(), (&authority, &authority_key), key.public(), &who, ends)?;
        let issuing = Credentials { key, chain: vec![issuer], authority };
        kept::save_key(&self.file("authority.key"), &authority_key)?;
        self.settle(&issuing, &who)?;
        Ok(Held { issuing, who, authority_key: Some(Arc::new(authority_key)) })
    }

    /// Makes this supervisor one of a cluster that let it in.
    ///
    /// # Errors
    /// The disk's own.
    pub fn take_in(&self, issuing: &Credentials, peer: SocketAddr) -> Result<(), TrustError> {
        let path = self.identity();
        let who = issuing
            .identity()
            .map_err(|_| KeptError::Damaged { path, why: "its certificate names nobody" })?
            .who;
        kept::write(&self.file("peers"), format!("{peer}\n").as_bytes())?;
        self.settle(issuing, &who)
    }

    /// Writes a new ledger, and then the identity, which makes all of it count; gives them to the folder's owner.
    fn settle(&self, issuing: &Credentials, who: &Who) -> Result<(), TrustError> {
        let mut ledger = Ledger::default();
        let own = Enrolment { role: who.role, name: who.name.clone(), revoked: None };
        ledger.enrolments.insert(who.enrolment, own);
        self.save_ledger(&ledger)?;
        issuing.save(&self.identity())?;
        self.give_to_owner()
    }

    /// Refuses where there is an identity.
    ///
    /// # Errors
    /// [`TrustError::Taken`].
    pub fn refuse_taken(&self, hint: &'static str) -> Result<(), TrustError> {
        match self.load()? {
            None => Ok(()),
            Some(held) => Err(TrustError::Taken {
                folder: self.path.clone(),
                name: held.who.name.to_string(),
                authority: held.issuing.fingerprint().to_string(),
                hint,
            }),
        }
    }

    /// Root made the files; the service that uses them runs as the data folder's owner.
    fn give_to_owner(&self) -> Result<(), TrustError> {
        let owner = self.path.parent().and_then(|data| fs::metadata(data).ok());
        let own = fs::metadata(&self.path).ok();
        let (Some(owner), Some(own)) = (owner, own) else { return Ok(()) };
        if owner.uid() == own.uid() {
            return Ok(());
        }
        let give = |path: &Path| {
            std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))
                .map_err(|cause| TrustError::Owner { path: path.to_owned(), cause })
        };
        let files =
            fs::read_dir(&self.path).map_err(|cause| TrustError::Owner { path: self.path.clone(), cause })?;
        for file in files.flatten() {
            give(&file.path())?;
        }
        give(&self.path)
    }

    /// The ledger.
    ///
    /// # Errors
    /// [`TrustError::Ledger`] when there is none that can be read.
    pub fn ledger(&self) -> Result<Ledger, TrustError> {
        let path = self.ledger_file();
        let wrong = |why: String| TrustError::Ledger { path: path.clone(), why };
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// Writes the ledger, durably and all at once.
    ///
    /// # Errors
    /// The disk's own.
    pub fn save_ledger(&self, ledger: &Ledger) -> Result<(), KeptError> {
        let path = self.ledger_file();
        let cause = |error: serde_json::Error| KeptError::Io { path: path.clone(), cause: error.into() };
        kept::write(&path, &serde_json::to_vec(ledger).map_err(cause)?)
    }

    /// The supervisor that this one joined at. A file that is not there, or not understood, names nobody.
    pub fn peers(&self) -> Vec<SocketAddr> {
        let text = fs::read_to_string(self.file("peers")).unwrap_or_default();
        text.lines().filter_map(|line| line.trim().parse().ok()).take(PEERS_MAX).collect()
    }
}

impl Held {
    /// The authority's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.issuing.fingerprint()
    }

    /// The issuing certificate.
    ///
    /// # Errors
    /// Never after [`Folder::load`], which proved that there is one.
    pub fn issuer(&self) -> Result<&CertificateDer<'static>, IssueError> {
        self.issuing.chain.first().ok_or(IssueError::Certificate(rcgen::Error::CouldNotParseCertificate))
    }

    /// Until when what this supervisor signs may hold.
    pub fn ends(&self) -> protocol::trust::WallTime {
        Identity::chain(&self.issuing.chain)
            .ok()
            .and_then(|chain| chain.first().map(|identity| identity.not_after))
            .unwrap_or_default()
    }

    /// A supervisor's certificate of its own, with a key that only lives in memory.
    ///
    /// # Errors
    /// Any [`TrustError`].
    pub fn own_leaf(
        &self,
        now: protocol::trust::WallTime,
        ends: protocol::trust::WallTime,
    ) -> Result<Credentials, TrustError> {
        let key = Arc::new(Key::draw()?);
        let who = Who { role: Role::Supervisor, ..self.who.clone() };
        let issuer = self.issuer()?;
        let own = issue::leaf(now, (issuer, &self.issuing.key), key.public(), &who, ends.min(self.ends()))?;
        let chain = [&[own], self.issuing.chain.as_slice()].concat();
        Ok(Credentials { key, chain, authority: self.issuing.authority.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn name() -> NodeName {
        "master1".parse().unwrap()
    }

    #[test]
    fn an_authority_is_made_once_and_its_files_are_its_owners_alone() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        assert!(folder.load().unwrap().is_none());
        let made = folder.init(&name()).unwrap();
        let found = folder.load().unwrap().unwrap();
        assert_eq!((found.who.clone(), found.fingerprint()), (made.who.clone(), made.fingerprint()));
        assert!(found.authority_key.is_some());
        for file in fs::read_dir(folder.path()).unwrap() {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
        assert!(matches!(folder.init(&name()), Err(TrustError::Taken { .. })));
        assert_eq!(folder.load().unwrap().unwrap().fingerprint(), found.fingerprint(), "untouched");
        assert_eq!(folder.ledger().unwrap().enrolments.len(), 1);
    }

    #[test]
    fn an_init_that_was_cut_before_the_identity_counts_for_nothing_and_is_done_again() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        folder.init(&name()).unwrap();
        fs::remove_file(folder.identity()).unwrap();
        assert!(folder.load().unwrap().is_none());
        assert!(folder.init(&name()).is_ok());
    }

    #[test]
    fn without_a_ledger_a_supervisor_does_not_guess_who_was_revoked() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        folder.init(&name()).unwrap();
        fs::write(folder.ledger_file(), "{\"tokens\":{}").unwrap();
        assert!(matches!(folder.ledger(), Err(TrustError::Ledger { .. })));
    }

    #[test]
    fn its_own_certificate_is_believed_by_the_cluster() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        let held = folder.init(&name()).unwrap();
        let clock = folder.clock();
        let own = held.own_leaf(clock.now(), clock.now().plus(std::time::Duration::from_hours(1))).unwrap();
        protocol::trust::tls::prove(&own, &clock).unwrap();
    }
}
