//! Folders that stand for volumes and for machines.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::estate::Device;

/// All folders of a run, below one that the fleet or its user names.
#[derive(Debug)]
pub(crate) struct Volumes {
    root: PathBuf,
    /// Volumes of this run. Another one of the same id is from an earlier run.
    known: BTreeSet<String>,
}

fn odd(id: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{id:?} cannot be the name of a folder"))
}

impl Volumes {
    /// Makes the folder where it is missing. The `existing` volumes keep what is found in theirs.
    pub(crate) fn open(root: &Path, existing: Vec<String>) -> io::Result<Volumes> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let volumes = Volumes { root, known: existing.into_iter().collect() };
        for volume in &volumes.known {
            std::fs::create_dir_all(volumes.folder(volume)?)?;
        }
        std::fs::create_dir_all(volumes.root.join("machines"))?;
        std::fs::create_dir_all(volumes.root.join("logs"))?;
        Ok(volumes)
    }

    /// The folder of a volume, which need not exist. Ids may come from anywhere, so that odd ones are refused.
    pub(crate) fn folder(&self, volume: &str) -> io::Result<PathBuf> {
        below(&self.root, volume)
    }

    /// The folder of a machine: what it has besides its data volumes, and loses when it goes.
    pub(crate) fn machine(&self, instance: &str) -> io::Result<PathBuf> {
        below(&self.root.join("machines"), instance)
    }

    /// Where the output of a machine's hook goes.
    pub(crate) fn log(&self, instance: &str, hook: &str) -> io::Result<PathBuf> {
        Ok(below(&self.root.join("logs"), instance)?.with_extension(format!("{hook}.log")))
    }

    /// Makes a new machine's folder, and those of its volumes that are new: empty, or moved from the volume that they are
    /// made from, which ends thereby.
    pub(crate) fn attach(&mut self, instance: &str, devices: &[Device]) -> io::Result<()> {
        renew(&self.machine(instance)?)?;
        for device in devices {
            let folder = self.folder(&device.volume)?;
            if !self.known.insert(device.volume.clone()) {
                std::fs::create_dir_all(&folder)?;
                continue;
            }
            remove(&folder)?;
            let source = device.made_from.as_deref();
            match source.filter(|source| self.known.remove(*source)) {
                // A copy of what is thrown away at once: moving it is the same and takes no time.
                Some(source) => std::fs::rename(self.folder(source)?, &folder)?,
                None => std::fs::create_dir_all(&folder)?,
            }
        }
        Ok(())
    }

    /// Removes the folder of a machine that went.
    pub(crate) fn detach(&mut self, instance: &str) -> io::Result<()> {
        remove(&self.machine(instance)?)
    }

    /// Removes the folders of volumes that are no more.
    pub(crate) fn discard(&mut self, volumes: &[String]) -> io::Result<()> {
        for volume in volumes {
            if self.known.remove(volume) {
                remove(&self.folder(volume)?)?;
            }
        }
        Ok(())
    }
}

fn below(folder: &Path, id: &str) -> io::Result<PathBuf> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = id.bytes().all(harmless) && id.starts_with(|c: char| c.is_ascii_alphanumeric());
    // Those two are folders of another kind.
    if !fits || ["machines", "logs"].contains(&id) {
        return Err(odd(id));
    }
    Ok(folder.join(id))
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn renew(folder: &Path) -> io::Result<()> {
    remove(folder)?;
    std::fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(volume: &str, made_from: Option<&str>) -> Device {
        let made_from = made_from.map(str::to_owned);
        Device { made_from, ..Device::new("/dev/xvdb".to_owned(), volume.to_owned(), None) }
    }

    #[test]
    fn new_volumes_are_empty_copies_have_the_data_and_others_keep_theirs() {
        let root = tempfile::tempdir().unwrap();
        let file = |volume: &str| root.path().join(volume).join("data");
        for left in ["vol-1", "vol-2"] {
            std::fs::create_dir_all(root.path().join(left)).unwrap();
            std::fs::write(file(left), left).unwrap();
        }
        let mut volumes = Volumes::open(root.path(), vec!["vol-1".to_owned()]).unwrap();
        volumes.attach("i-1", &[device("vol-1", None), device("vol-2", None)]).unwrap();
        assert!(file("vol-1").exists(), "it belongs to the fleet");
        assert!(!file("vol-2").exists(), "that was another run's");
        volumes.detach("i-1").unwrap();
        volumes.attach("i-2", &[device("vol-1", None)]).unwrap();
        assert!(file("vol-1").exists() && volumes.machine("i-2").unwrap().exists());
        volumes.attach("i-3", &[device("vol-3", Some("vol-1"))]).unwrap();
        assert!(file("vol-3").exists() && !file("vol-1").exists());
        volumes.attach("i-4", &[device("vol-3", Some("vol-1"))]).unwrap();
        assert!(file("vol-3").exists(), "made from another one long ago");
        volumes.discard(&["vol-3".to_owned(), "vol-9".to_owned()]).unwrap();
        assert!(!root.path().join("vol-3").exists());
    }

    #[test]
    fn an_id_never_leads_out_of_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let mut volumes = Volumes::open(root.path(), Vec::new()).unwrap();
        for id in ["../x", "/etc", "", ".", "..", "a/b", "machines", "logs", "-rf"] {
            assert!(volumes.attach("i-1", &[device(id, None)]).is_err(), "{id:?}");
            assert!(volumes.log(id, "launch").is_err() && volumes.machine(id).is_err(), "{id:?}");
        }
    }
}
