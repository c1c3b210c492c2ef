//! What a machine had before it was given up, kept for whoever asks again.
//!
//! The vendor tells what is there, not what was. So whether the machine that runs now has the volumes of the one before can be
//! judged by the call that replaced it, and by a later one only if the first has written down what it saw.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

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
}

#[derive(Deserialize, Serialize)]
struct Volume {
    device_name: Option<String>,
    volume_id: Option<String>,
    snapshot_id: Option<String>,
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

    /// Writes down what a machine has. It is on the disk, whole, when this returns.
    ///
    /// # Errors
    ///
    /// It cannot be written, or an id could not be a file's name.
    pub fn keep(&self, target: &StatefulTarget, seen: &Snapshot) -> io::Result<()> {
        let Some(instance_id) = seen.instance_id.clone() else { return Ok(()) };
        let path = self.path(target, &instance_id)?;
        let volume = |device: &Device| Volume {
            device_name: device.device_name.clone(),
            volume_id: device.volume_id.clone(),
            snapshot_id: device.snapshot_id.clone(),
        };
        let text = |time: &Option<VendorTime>| time.as_ref().map(|time| time.as_str().to_owned());
        let record = Record {
            instance_id,
            image_id: seen.image_id.clone(),
            private_ip: seen.private_ip.clone(),
            availability_zone: seen.availability_zone.clone(),
            devices: seen.devices.iter().map(volume).collect(),
            launched_at: text(&seen.launched_at),
            created_at: text(&seen.created_at),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(&record)?)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
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
        let Ok(path) = self.path(target, machine) else { return Ok(None) };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let record: Record = serde_json::from_slice(&text)?;
        let device = |volume: Volume| Device {
            device_name: volume.device_name,
            volume_id: volume.volume_id,
            snapshot_id: volume.snapshot_id,
        };
        let seen = Snapshot {
            image_id: record.image_id,
            private_ip: record.private_ip,
            availability_zone: record.availability_zone,
            devices: record.devices.into_iter().map(device).collect(),
            launched_at: record.launched_at.map(VendorTime::new),
            created_at: record.created_at.map(VendorTime::new),
            ..Snapshot::unseen(record.instance_id)
        };
        Ok((seen.instance_id.as_ref() == Some(machine)).then_some(seen))
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
        records.keep(&mine, &seen).unwrap();
        assert_eq!(records.of(&mine, &machine).unwrap(), Some(seen.clone()));
        assert_eq!(records.of(&target("ssi-2"), &machine).unwrap(), None);
        assert_eq!(records.of(&mine, &InstanceId::new("i-2")).unwrap(), None);
        assert!(records.keep(&target("../ssi-1"), &seen).is_err(), "it leads elsewhere");
        fs::write(folder.path().join("recycled/ssi-1.i-1.json"), "{\"instance_id\": ").unwrap();
        assert!(records.of(&mine, &machine).is_err(), "a torn file is not none");
    }
}
