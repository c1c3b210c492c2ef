//! What a launch and a termination do to a stateful instance and its resources.

use jiff::Timestamp;

use crate::clock::{later, seconds};
use crate::estate::{Device, Group, Machine, Persisted, Retained, StatefulInstance};
use crate::faults::Twist;
use crate::group_config::mapped_devices;
use crate::ids::Ids;
use crate::images::Images;
use crate::stateful::Deletions;

/// A launch that did not come about.
#[derive(Debug)]
pub(crate) enum NoLaunch {
    /// No Spot capacity, and no fallback to on-demand.
    Capacity,
    /// All addresses of the group are taken.
    Address,
    /// The image does not boot.
    Image(String),
}

impl Group {
    /// Takes the machine of the instance at `index` away and keeps what the group persists.
    pub(crate) fn terminate(&mut self, index: usize, ids: &mut Ids) {
        let persisted = self.persisted();
        let zones = self.network.zones.len();
        let ssi = &mut self.stateful[index];
        let Some(machine) = ssi.machine.take() else { return };
        if persisted.root {
            // The vendor registers an image of the root volume; from now on that is the instance's image.
            ssi.image = ids.image();
            ssi.kept_root = Some(Device { snapshot: Some(ids.snapshot()), ..machine.root });
        } else {
            ssi.kept_root = None;
        }
        if persisted.data {
            let snapshots = !persisted.reattach || zones > 1;
            for device in ssi.data.iter_mut().filter(|_| snapshots) {
                device.snapshot = Some(ids.snapshot());
            }
        } else {
            ssi.data.clear();
        }
        if !persisted.private_ip {
            ssi.private_ip = None;
        }
    }

    /// Launches a machine for the instance at `index` with the group's configuration as it is now.
    pub(crate) fn launch(
        &mut self,
        index: usize,
        ids: &mut Ids,
        images: &Images,
        now: Timestamp,
    ) -> Result<(), NoLaunch> {
        let persisted = self.persisted();
        let mut ssi = self.stateful[index].clone();
        let spot = self.launches_spot()?;
        if !persisted.root || ssi.kept_root.is_none() {
            ssi.image = self.image().to_owned();
            ssi.lineage.clone_from(&ssi.image);
        }
        if !images.boots(&ssi.image) {
            return Err(NoLaunch::Image(ssi.image));
        }
        if !spot {
            ssi.instance_type = self.on_demand_type().unwrap_or(&ssi.instance_type).to_owned();
        }
        let kept_ip = ssi.private_ip.take().filter(|_| persisted.private_ip);
        let address = kept_ip.or_else(|| self.free_address(&ssi.zone)).ok_or(NoLaunch::Address)?;
        ssi.private_ip = persisted.private_ip.then(|| address.clone());
        self.attach_data(&mut ssi, persisted, ids);
        let snapshot = ssi.kept_root.take().and_then(|root| root.snapshot);
        ssi.machine = Some(self.machine(&ssi, address, spot, snapshot, ids, now));
        ssi.launched_at = Some(now);
        self.stateful[index] = ssi;
        Ok(())
    }

    /// Prepares the next launch of the instance at `index` to go wrong.
    pub(crate) fn twist(&mut self, index: usize, twist: Twist, ids: &mut Ids) {
        let zones = self.network.zones.clone();
        let ssi = &mut self.stateful[index];
        match twist {
            Twist::OtherZone => {
                let other = zones.iter().find(|zone| **zone != ssi.zone);
                ssi.zone = other.cloned().unwrap_or_else(|| format!("{}-other", ssi.zone));
            }
            Twist::LostVolumes => {}
            Twist::OtherAddress => ssi.private_ip = None,
        }
        if twist != Twist::OtherAddress {
            for device in &mut ssi.data {
                let old = std::mem::replace(&mut device.volume, ids.volume());
                device.made_from = (twist == Twist::OtherZone).then_some(old);
            }
        }
    }

    fn attach_data(&self, ssi: &mut StatefulInstance, persisted: Persisted, ids: &mut Ids) {
        if ssi.data.is_empty() {
            let names = mapped_devices(&self.config, &self.root_device);
            let made = names.into_iter().map(|name| Device::new(name, ids.volume(), None));
            ssi.data = made.collect();
        } else if !persisted.reattach {
            // `onLaunch`: the volumes are made anew from the snapshots.
            for device in &mut ssi.data {
                device.made_from = Some(std::mem::replace(&mut device.volume, ids.volume()));
            }
        }
    }

    fn machine(
        &self,
        ssi: &StatefulInstance,
        private_ip: String,
        spot: bool,
        snapshot: Option<String>,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Machine {
        Machine {
            instance_id: ids.instance(),
            instance_type: ssi.instance_type.clone(),
            zone: ssi.zone.clone(),
            private_ip,
            public_ip: self.public_ip.then(|| ids.public_ip()),
            spot_request: spot.then(|| ids.spot_request()),
            root: Device::new(self.root_device.clone(), ids.volume(), snapshot),
            health: "HEALTHY".to_owned(),
            launched_at: now,
            locked: false,
            protected_until: None,
            overlay: serde_json::Map::new(),
        }
    }

    /// A machine for a group without state.
    pub(crate) fn launch_member(&mut self, ids: &mut Ids, now: Timestamp) {
        let Ok(spot) = self.launches_spot() else { return };
        let zones = &self.network.zones;
        let zone = zones.get(self.members.len() % zones.len().max(1)).cloned().unwrap_or_default();
        let Some(address) = self.free_address(&zone) else { return };
        let ssi = StatefulInstance::unborn(String::new(), self, zone, now);
        let machine = self.machine(&ssi, address, spot, None, ids, now);
        self.members.push(machine);
    }

    fn on_demand_type(&self) -> Option<&str> {
        self.config["compute"]["instanceTypes"]["ondemand"].as_str()
    }

    /// Whether the next launch is a Spot one; an error when it may be neither.
    fn launches_spot(&self) -> Result<bool, NoLaunch> {
        let strategy = &self.config["strategy"];
        let wants_spot = strategy["risk"].as_f64().unwrap_or(100.0) > 0.0;
        if wants_spot && self.spot_capacity {
            return Ok(true);
        }
        let fallback = strategy["fallbackToOd"].as_bool().unwrap_or(true);
        if wants_spot && !fallback { Err(NoLaunch::Capacity) } else { Ok(false) }
    }
}

/// What remains of a deallocated instance: everything that was not to be deleted, for `hours`.
pub(crate) fn retained(
    ssi: &StatefulInstance,
    persisted: Persisted,
    deletions: Deletions,
    hours: f64,
    now: Timestamp,
    ids: &mut Ids,
) -> Vec<Retained> {
    let mut kept = Vec::new();
    let expires_at = later(now, seconds(hours * 3600.0));
    let mut keep = |kind: &'static str, id: &str| {
        let stateful_instance = ssi.id.clone();
        kept.push(Retained { kind, id: id.to_owned(), stateful_instance, expires_at });
    };
    for device in ssi.kept_root.iter().chain(&ssi.data) {
        if !deletions.volumes {
            keep("volume", &device.volume);
        }
        if let (false, Some(snapshot)) = (deletions.snapshots, &device.snapshot) {
            keep("snapshot", snapshot);
        }
    }
    if persisted.root && !deletions.images {
        keep("image", &ssi.image);
    }
    if persisted.private_ip && !deletions.network_interfaces {
        keep("network_interface", &ids.network_interface());
    }
    kept
}
