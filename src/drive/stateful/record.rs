//! What a machine had before it was given up, kept for whoever asks again.
//!
//! The vendor tells what is there, not what was. So whether the machine that runs now has the volumes of the one before can be
//! judged by the call that replaced it, and by a later one only if the first has written down what it saw.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Device, ImageId, InstanceId, StatefulTarget, VendorTime};
use crate::plan::stateful::Snapshot;

/// One machine as it was. What the vendor did not tell is none.
#[derive(Deserialize, Serialize)]
struct Record {
    instance_id: InstanceId,
    image_id: Option<ImageId>,
    private_ip: Option<String>,
    availability_zone: Option<String>,
    devices: Vec<Volume>,
    launched_at: Option<String>,
    created_at: Option<String>,
    /// When its recycle was asked for last, as far as that may have come of it.
    #[serde(default)]
    asked_at: Option<Timestamp>,
}

#[derive(Deserialize, Serialize)]
struct Volume {
    device_name: Option<String>,
    volume_id: Option<String>,
    snapshot_id: Option<String>,
}

impl Record {
    fn of(seen: Snapshot, asked_at: Option<Timestamp>) -> Option<Self> {
        let volume = |device: Device| Volume {
            device_name: device.device_name,
            volume_id: device.volume_id,
            snapshot_id: device.snapshot_id,
        };
        let text = |time: Option<VendorTime>| time.map(|time| time.as_str().to_owned());
        Some(Self {
            instance_id: seen.instance_id?,
            image_id: seen.image_id,
            private_ip: seen.private_ip,
            availability_zone: seen.availability_zone,
            devices: seen.devices.into_iter().map(volume).collect(),
            launched_at: text(seen.launched_at),
            created_at: text(seen.created_at),
            asked_at,
        })
    }

    fn seen(self) -> Snapshot {
        let device = |volume: Volume| Device {
            device_name: volume.device_name,
            volume_id: volume.volume_id,
            snapshot_id: volume.snapshot_id,
        };
        Snapshot {
            image_id: self.image_id,
            private_ip: self.private_ip,
            availability_zone: self.availability_zone,
            devices: self.devices.into_iter().map(device).collect(),
            launched_at: self.launched_at.map(VendorTime::new),
            created_at: self.created_at.map(VendorTime::new),
            ..Snapshot::unseen(self.instance_id)
        }
    }
}

/// The records in a folder, one file a machine.
#[derive(Clone, Debug)]
pub struct Records {
    folder: PathBuf,
}

impl Records {
    /// Those beside the journals of that folder.
    pub fn beside(journals: &Path) -> Self {
        Self { folder: journals.join("recycled") }
    }

    /// Writes down what a machine has, right before its recycle is asked for at `now`. What is not seen of it any more and was written
    /// down before stays so. It is on the disk, whole, when this returns.
    ///
    /// # Errors
    ///
    /// It cannot be written, or an id could not be a file's name.
    pub fn keep(&self, target: &StatefulTarget, seen: &Snapshot, now: Timestamp) -> io::Result<()> {
        let Some(machine) = &seen.instance_id else { return Ok(()) };
        let path = self.path(target, machine)?;
        // One that is torn tells nothing that could be kept.
        let known = self.of(target, machine).ok().flatten();
        let seen = known.map_or_else(|| seen.clone(), |known| seen.filled_from(&known));
        let Some(record) = Record::of(seen, Some(now)) else { return Ok(()) };
        self.write(&path, &record)
    }

    /// Takes it back that a recycle was asked for: nothing has come of it, and that is certain.
    ///
    /// # Errors
    ///
    /// It cannot be read or written.
    pub fn not_asked(&self, target: &StatefulTarget, machine: &InstanceId) -> io::Result<()> {
        match self.read(target, machine)? {
            Some(record) => {
                self.write(&self.path(target, machine)?, &Record { asked_at: None, ..record })
            }
            None => Ok(()),
        }
    }

    /// When a recycle of a machine was asked for last; none if nothing was written down.
    ///
    /// # Errors
    ///
    /// There is something, and it cannot be read.
    pub fn asked_at(
        &self,
        target: &StatefulTarget,
        machine: &InstanceId,
    ) -> io::Result<Option<Timestamp>> {
        Ok(self.read(target, machine)?.and_then(|record| record.asked_at))
    }

    /// What a machine had; none if nothing was written down.
    ///
    /// # Errors
    ///
    /// There is something, and it cannot be read.
    pub fn of(
        &self,
        target: &StatefulTarget,
        machine: &InstanceId,
    ) -> io::Result<Option<Snapshot>> {
        Ok(self.read(target, machine)?.map(Record::seen))
    }

    fn read(&self, target: &StatefulTarget, machine: &InstanceId) -> io::Result<Option<Record>> {
        let Ok(path) = self.path(target, machine) else { return Ok(None) };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) => {
                let is_none =
                    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
                return if is_none { Ok(None) } else { Err(error) };
            }
        };
        let record: Record = serde_json::from_slice(&text)?;
        Ok((record.instance_id == *machine).then_some(record))
    }

    fn write(&self, path: &Path, record: &Record) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Ids are texts of others, and must not lead elsewhere.
    fn path(&self, target: &StatefulTarget, machine: &InstanceId) -> io::Result<PathBuf> {
        let is_plain =
            |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let (id, machine) = (target.id(), machine.as_str());
        if is_plain(id) && is_plain(machine) {
            return Ok(self.folder.join(format!("{id}.{machine}.json")));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "an id that is no file's name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GroupId, StatefulInstanceId};

    #[test]
    fn what_was_written_down_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::beside(folder.path());
        let target = |id: &str| StatefulTarget::Grouped {
            group: GroupId::new("sig-1"),
            id: StatefulInstanceId::new(id),
        };
        let (mine, machine) = (target("ssi-1"), InstanceId::new("i-1"));
        let device = Device {
            device_name: Some("/dev/xvdb".to_owned()),
            volume_id: Some("vol-1".to_owned()),
            snapshot_id: None,
        };
        let seen = Snapshot {
            private_ip: Some("10.0.0.1".to_owned()),
            devices: vec![device],
            ..Snapshot::unseen(machine.clone())
        };
        assert_eq!(records.of(&mine, &machine).unwrap(), None);
        let now = Timestamp::UNIX_EPOCH;
        records.keep(&mine, &seen, now).unwrap();
        assert_eq!(records.of(&mine, &machine).unwrap(), Some(seen.clone()));
        assert_eq!(records.asked_at(&mine, &machine).unwrap(), Some(now));
        // Whoever sees less of it later takes nothing away.
        let later = Timestamp::from_second(60).unwrap();
        records.keep(&mine, &Snapshot::unseen(machine.clone()), later).unwrap();
        assert_eq!(records.of(&mine, &machine).unwrap(), Some(seen.clone()));
        assert_eq!(records.asked_at(&mine, &machine).unwrap(), Some(later));
        records.not_asked(&mine, &machine).unwrap();
        assert_eq!(records.asked_at(&mine, &machine).unwrap(), None);
        assert_eq!(records.of(&mine, &machine).unwrap(), Some(seen.clone()));
        assert_eq!(records.of(&target("ssi-2"), &machine).unwrap(), None);
        assert_eq!(records.of(&mine, &InstanceId::new("i-2")).unwrap(), None);
        assert!(records.keep(&target("../ssi-1"), &seen, now).is_err(), "it leads elsewhere");
        fs::write(folder.path().join("recycled/ssi-1.i-1.json"), "{\"instance_id\": ").unwrap();
        assert!(records.of(&mine, &machine).is_err(), "a torn file is not none");
    }
}
