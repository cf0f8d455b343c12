//! Several processes on one folder without a coordinator: who works on what is said by files that only
//! one of them can create.
//!
//! ```text
//! claims/NAME.GENERATION   created exclusively; holds the owner's name
//! claims/OWNER.beat        a counter that its owner raises while it lives
//! ```
//!
//! A claim whose owner gives no sign of life for a while, by the observer's own steady clock, is left
//! behind: whoever creates the next generation has it. Nothing is ever renamed or removed but by its
//! owner, so two observers cannot take the same claim, and no wall clock is compared with another.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::error::{Fault, Result};
use crate::files;
use crate::train::hex;

/// The folder below the study's.
pub const FOLDER: &str = "claims";

/// The claims of one process on a study's folder.
#[derive(Debug)]
pub struct Claims {
    dir: PathBuf,
    me: String,
    patience: Duration,
    /// What was seen of each claim of others, and since when it has not changed.
    seen: HashMap<PathBuf, (String, Instant)>,
    ended: Arc<AtomicBool>,
    heart: Option<JoinHandle<()>>,
}

/// A claim that this process has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    name: String,
    generation: u64,
}

impl Claims {
    /// Begins to give signs of life in the study folder `root`; another's claims count as left behind
    /// after `patience` without one.
    ///
    /// # Errors
    /// Run error when the folder cannot be written.
    pub fn start(root: &Path, patience: Duration) -> Result<Self> {
        let dir = root.join(FOLDER);
        files::create_dir(&dir)?;
        let me = myself();
        let beat = dir.join(format!("{me}.beat"));
        files::write_bytes(&beat, b"0")?;
        let ended = Arc::new(AtomicBool::new(false));
        let heart = {
            let (beat, ended) = (beat, Arc::clone(&ended));
            let pause = patience / 8;
            std::thread::spawn(move || {
                let mut count = 0u64;
                let mut last = Instant::now();
                while !ended.load(Ordering::Relaxed) {
                    if last.elapsed() >= pause {
                        (count, last) = (count + 1, Instant::now());
                        // On a full disk the signs of life stop, and so will the work.
                        let _ = fs::write(&beat, count.to_string());
                    }
                    std::thread::sleep(pause.min(Duration::from_millis(50)));
                }
            })
        };
        Ok(Self {
            dir,
            me,
            patience,
            seen: HashMap::new(),
            ended,
            heart: Some(heart),
        })
    }

    /// Name of this process, one word.
    pub fn me(&self) -> &str {
        &self.me
    }

    /// Claims `name`; `None` while another process that lives has it.
    ///
    /// # Errors
    /// Run error when the folder cannot be read or written.
    pub fn take(&mut self, name: &str) -> Result<Option<Claim>> {
        let name = name.replace('/', "_");
        let latest = self.latest(&name)?;
        if latest > 0 {
            let file = self.dir.join(format!("{name}.{latest}"));
            let owner = fs::read_to_string(&file).unwrap_or_default();
            if owner != self.me && self.is_alive(&file, &owner) {
                return Ok(None);
            }
        }
        let claim = Claim {
            name,
            generation: latest + 1,
        };
        let file = self.file(&claim);
        let cannot = |e: std::io::Error| {
            Fault::new(&file, format!("cannot be written ({e})"))
                .next("check the folder's permissions and the free space")
                .run()
        };
        match File::create_new(&file) {
            Ok(mut created) => {
                created.write_all(self.me.as_bytes()).map_err(cannot)?;
                Ok(Some(claim))
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
            Err(e) => Err(cannot(e)),
        }
    }

    /// Whether nobody has taken the claim over: this process may have been stopped for a while.
    ///
    /// # Errors
    /// Run error when the folder cannot be read.
    pub fn holds(&self, claim: &Claim) -> Result<bool> {
        Ok(self.latest(&claim.name)? == claim.generation)
    }

    /// Gives a claim back, and the older ones that it replaced.
    pub fn release(&mut self, claim: &Claim) {
        for generation in 1..=claim.generation {
            // Older generations of a claim that others have not seen replaced are gone in most cases.
            let _ = fs::remove_file(self.dir.join(format!("{}.{generation}", claim.name)));
        }
    }

    fn file(&self, claim: &Claim) -> PathBuf {
        self.dir
            .join(format!("{}.{}", claim.name, claim.generation))
    }

    /// The latest generation of a claim, 0 where there is none.
    fn latest(&self, name: &str) -> Result<u64> {
        let unreadable =
            |e: std::io::Error| Fault::new(&self.dir, format!("cannot be read ({e})")).run();
        let mut latest = 0;
        for entry in fs::read_dir(&self.dir).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.file_name();
            let generation = file
                .to_str()
                .and_then(|file| file.strip_prefix(name)?.strip_prefix('.')?.parse().ok());
            latest = latest.max(generation.unwrap_or(0));
        }
        Ok(latest)
    }

    fn is_alive(&mut self, file: &Path, owner: &str) -> bool {
        if is_gone(owner) {
            return false;
        }
        // An owner without a name has just created the file, or died in that moment.
        let beat = fs::read_to_string(self.dir.join(format!("{owner}.beat"))).unwrap_or_default();
        let now = format!("{owner} {beat}");
        match self.seen.get(file) {
            Some((before, since)) if *before == now => since.elapsed() < self.patience,
            _ => {
                self.seen.insert(file.into(), (now, Instant::now()));
                true
            }
        }
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(heart) = self.heart.take() {
            let _ = heart.join();
        }
        let _ = fs::remove_file(self.dir.join(format!("{}.beat", self.me)));
    }
}

/// `PID-START-MACHINE-N`: a name that no other process has, and that processes of the same machine can
/// look up.
fn myself() -> String {
    use std::sync::atomic::AtomicU32;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    format!(
        "{pid}-{}-{}-{}",
        start_of(pid).unwrap_or_default(),
        machine(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// This boot of this machine and this space of process ids.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let mut name = hex(&Sha256::digest(format!("{boot}{}", space.display())));
    name.truncate(12);
    name
}

/// When a process began, in the kernel's ticks.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, blanks too.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_string)
}

/// Whether a process of this machine is certainly no more.
fn is_gone(owner: &str) -> bool {
    let mut parts = owner.split('-');
    let (Some(pid), Some(start), Some(of)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let (Ok(pid), false) = (pid.parse::<u32>(), start.is_empty()) else {
        return false;
    };
    of == machine() && start_of(pid).as_deref() != Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(400);

    #[test]
    fn one_of_many_gets_a_claim_and_another_after_it_was_released() {
        let dir = tempfile::tempdir().unwrap();
        let mut all: Vec<Claims> = (0..8)
            .map(|_| Claims::start(dir.path(), Duration::from_secs(60)).unwrap())
            .collect();
        let taken: Vec<Option<Claim>> = std::thread::scope(|scope| {
            let each = all
                .iter_mut()
                .map(|c| scope.spawn(|| c.take("a/b").unwrap()));
            let each: Vec<_> = each.collect();
            each.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().flatten().count(), 1);
        let at = taken.iter().position(Option::is_some).unwrap();
        let claim = taken[at].clone().unwrap();
        let other = (at + 1) % all.len();
        assert_eq!(all[other].take("a/b").unwrap(), None);
        all[at].release(&claim);
        assert!(all[other].take("a/b").unwrap().is_some());
    }

    #[test]
    fn a_claim_of_a_process_that_is_gone_is_free_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut mine = Claims::start(dir.path(), Duration::from_secs(60)).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let owner = format!("{}-1-{}-0", child.id(), machine());
        child.wait().unwrap();
        fs::write(dir.path().join(FOLDER).join("x.1"), owner).unwrap();
        assert_eq!(mine.take("x").unwrap().unwrap().generation, 2);
    }

    #[test]
    fn a_silent_owner_elsewhere_loses_its_claim_and_notices() {
        let dir = tempfile::tempdir().unwrap();
        let mut here = Claims::start(dir.path(), PATIENCE).unwrap();
        let folder = dir.path().join(FOLDER);
        let beat = folder.join("7-7-elsewhere-0.beat");
        fs::write(folder.join("x.1"), "7-7-elsewhere-0").unwrap();
        // While it beats, whatever its clock says, the claim is its own.
        for count in 0..12 {
            fs::write(&beat, count.to_string()).unwrap();
            assert_eq!(here.take("x").unwrap(), None);
            std::thread::sleep(PATIENCE / 8);
        }
        let theirs = Claim {
            name: "x".into(),
            generation: 1,
        };
        assert!(here.holds(&theirs).unwrap());
        std::thread::sleep(PATIENCE * 2);
        let mine = here
            .take("x")
            .unwrap()
            .expect("it was silent for long enough");
        assert!(here.holds(&mine).unwrap() && !here.holds(&theirs).unwrap());
    }
}
