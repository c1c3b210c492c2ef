//! Actions on managed instances: the life of a stateful instance, without a group around it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::actions::{Due, DueKind};
use crate::chronicle::Cause;
use crate::clock::{later, seconds};
use crate::envelope::{Answer, Refusal};
use crate::estate::{Device, ManagedInstance};
use crate::ids::Ids;
use crate::lifecycle::{Action, Effect, Phase, State, phases};
use crate::managed::find;
use crate::stateful::{Deletions, Underway};
use crate::world::{Call, World};

/// `PUT /aws/ec2/managedInstance/{MI_ID}/…` and its `DELETE`: accepted at once, carried out over virtual time.
pub(crate) fn act(world: &mut World, call: &Call<'_>, action: Action) -> Result<Answer, Refusal> {
    let managed = find(&world.estate, call)?;
    let busy = managed.underway.as_ref().is_some_and(|underway| !underway.ahead.is_empty());
    let expected = action.accepted_in(&world.behaviour);
    if busy || !expected.contains(&managed.state) {
        let names: Vec<&str> = expected.iter().map(|state| state.name()).collect();
        return Err(Refusal::wrong_state(&managed.id, managed.state.name(), &names.join(", ")));
    }
    let id = managed.id.clone();
    world.start_managed(&id, action, call.now);
    Ok(Answer::Done)
}

/// `DELETE /aws/ec2/managedInstance/{MI_ID}/volume/{volumeId}`: only a paused instance gives up a volume.
pub(crate) fn delete_volume(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let managed = find(&world.estate, call)?;
    if managed.state != State::Paused {
        return Err(Refusal::wrong_state(&managed.id, managed.state.name(), "PAUSED"));
    }
    let volume = call.parameter(1).to_owned();
    if !managed.data.iter().any(|device| device.volume == volume) {
        return Err(Refusal::unknown_volume(&volume));
    }
    let (id, now) = (managed.id.clone(), call.now);
    world.change_managed(&id, now, |managed| {
        managed.data.retain(|device| device.volume != volume);
    });
    Ok(Answer::Done)
}

impl World {
    fn change_managed<T>(
        &mut self,
        id: &str,
        now: Timestamp,
        edit: impl FnOnce(&mut ManagedInstance) -> T,
    ) -> Option<T> {
        self.change(now, |estate| {
            let found = estate.managed.iter_mut().find(|managed| managed.id == id)?;
            Some(edit(Arc::make_mut(found)))
        })
    }

    fn start_managed(&mut self, id: &str, action: Action, now: Timestamp) {
        self.accept(None, id, action, Cause::Api, now);
        let mishap = self.faults.mishap(action, id, id, &mut self.chance);
        let (latency, behaviour) = (self.latency, self.behaviour.clone());
        let epoch = self.change_managed(id, now, |managed| {
            let root = managed.persists("persistRootDevice");
            let ahead = phases(action, &managed.state, root, &latency, &behaviour);
            managed.log(
                now,
                "INFO",
                format!("Managed instance {id}: {} was accepted.", action.name()),
            );
            let (deletions, cause) = (Deletions::default(), Cause::Api);
            managed.underway = Some(Underway {
                action,
                cause,
                ahead: ahead.into(),
                mishap,
                deletions,
                awaiting: None,
                held: false,
            });
            managed.epoch += 1;
            managed.epoch
        });
        if let Some(epoch) = epoch {
            self.step_managed(id, epoch, now);
        }
    }

    /// Enters the next phase, and all that follow at the same instant.
    pub(crate) fn step_managed(&mut self, id: &str, epoch: u64, now: Timestamp) {
        while let Some(phase) = self.next_managed_phase(id, epoch, now) {
            self.apply_managed(id, phase.effect, now);
            if phase.seconds > 0.0 {
                let what = DueKind::ManagedStep { epoch };
                let due = Due { group: String::new(), instance: id.to_owned(), what };
                self.agenda.plan(later(now, seconds(phase.seconds)), due);
                return;
            }
        }
    }

    fn next_managed_phase(&mut self, id: &str, epoch: u64, now: Timestamp) -> Option<Phase> {
        self.change_managed(id, now, |managed| {
            let underway = managed.underway.as_mut().filter(|_| managed.epoch == epoch)?;
            if let Some((ends, reason)) = underway.strikes() {
                if ends.eq_ignore_ascii_case("STUCK") {
                    return None;
                }
                let action = underway.action.name();
                managed.state = State::parse(&ends);
                managed.underway = None;
                let message = format!("Failed to {action} managed instance {id}: {reason}");
                managed.log(now, "ERROR", message);
                return None;
            }
            let phase = underway.ahead.pop_front()?;
            if underway.ahead.is_empty() {
                managed.underway = None;
            }
            managed.state = phase.state.clone();
            Some(phase)
        })
        .flatten()
    }

    fn apply_managed(&mut self, id: &str, effect: Effect, now: Timestamp) {
        let mut ids = self.ids.clone();
        match effect {
            Effect::Nothing => {}
            Effect::Terminate => {
                let gone = self.change_managed(id, now, |managed| {
                    let action = managed.underway.as_ref().map(|underway| underway.action);
                    let gone = managed.terminate(&mut ids)?;
                    let message =
                        format!("Instance {gone} of managed instance {id} was terminated.");
                    managed.log_of(now, "INFO", message, &gone);
                    Some((gone, action))
                });
                if let Some((gone, action)) = gone.flatten() {
                    self.chronicle.terminated(now, gone, (None, Some(id)), action, Cause::Api);
                }
            }
            Effect::Launch => {
                self.change_managed(id, now, |managed| managed.launch(&mut ids, now));
            }
            Effect::Release => {
                self.change_managed(id, now, |managed| managed.data.clear());
            }
            Effect::Remove => {
                self.change(now, |estate| estate.managed.retain(|managed| managed.id != id));
            }
        }
        self.ids = ids;
    }
}

impl ManagedInstance {
    fn persists(&self, switch: &str) -> bool {
        self.config["persistence"][switch].as_bool().unwrap_or(false)
    }

    fn log(&mut self, at: Timestamp, severity: &str, message: String) {
        let resource = self.id.clone();
        self.log_of(at, severity, message, &resource);
    }

    fn log_of(&mut self, at: Timestamp, severity: &str, message: String, resource: &str) {
        let resource = Some(resource.to_owned());
        self.logs.push(crate::estate::LogLine {
            at,
            severity: severity.to_owned(),
            message,
            resource,
        });
    }

    fn terminate(&mut self, ids: &mut Ids) -> Option<String> {
        let machine = self.machine.take()?;
        if self.persists("persistRootDevice") {
            self.image = ids.image();
        }
        if !self.persists("persistBlockDevices") {
            self.data.clear();
        }
        let id = machine.instance_id.clone();
        self.last_machine = Some(machine);
        Some(id)
    }

    /// A machine like the last one, with the address it keeps or another.
    fn launch(&mut self, ids: &mut Ids, now: Timestamp) {
        if !self.persists("persistRootDevice") {
            let image = &self.config["compute"]["launchSpecification"]["imageId"];
            self.image = image.as_str().unwrap_or(&self.image).to_owned();
        }
        if !self.persists("persistPrivateIp") {
            let host = 10 + self.epoch % 200;
            self.private_ip = Some(format!("10.255.1.{host}"));
        }
        let Some(last) = self.last_machine.take() else { return };
        self.machine = Some(crate::estate::Machine {
            instance_id: ids.instance(),
            private_ip: self.private_ip.clone().unwrap_or(last.private_ip),
            spot_request: Some(ids.spot_request()),
            root: Device { volume: ids.volume(), snapshot: None, ..last.root },
            launched_at: now,
            health: "HEALTHY".to_owned(),
            ..last
        });
        self.launched_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::scenario::Scenario;

    const SMI: &str = "/aws/ec2/managedInstance/smi-1";

    fn scenario() -> Scenario {
        Scenario::with(
            "managed_instances: [{name: one, id: smi-1, region: us-east-1, devices: [{device: /dev/xvdb, volume: vol-1}]}]",
        )
    }

    fn status(sim: &mut Scenario) -> Value {
        sim.get(&format!("{SMI}/status")).remove(0)
    }

    fn put(sim: &mut Scenario, action: &str) -> u16 {
        sim.put(&format!("{SMI}/{action}"), Value::Null).status
    }

    fn delete(sim: &mut Scenario, path: &str) -> u16 {
        sim.send("admin", "DELETE", &format!("{SMI}{path}"), Value::Null).status
    }

    #[test]
    fn a_recycle_gives_a_new_machine_with_the_same_address() {
        let mut sim = scenario();
        let before = status(&mut sim);
        assert_eq!(put(&mut sim, "recycle"), 200);
        assert_eq!(status(&mut sim)["status"], "RECYCLE");
        assert_eq!(put(&mut sim, "recycle"), 400, "one is underway");
        sim.advance(3600.0);
        let after = status(&mut sim);
        assert_eq!(
            (&after["status"], &after["privateIp"]),
            (&"ACTIVE".into(), &before["privateIp"])
        );
        assert_ne!(after["instanceId"], before["instanceId"]);
        assert!(after["launchedAt"].as_str() > before["launchedAt"].as_str());
    }

    #[test]
    fn it_is_paused_loses_a_volume_is_resumed_and_deleted() {
        let mut sim = scenario();
        assert_eq!(delete(&mut sim, "/volume/vol-1"), 400, "it runs");
        assert_eq!((put(&mut sim, "resume"), put(&mut sim, "pause")), (400, 200));
        sim.advance(3600.0);
        assert_eq!(status(&mut sim)["status"], "PAUSED");
        assert_eq!(delete(&mut sim, "/volume/vol-1"), 200);
        assert_eq!(delete(&mut sim, "/volume/vol-1"), 400, "it is gone");
        assert_eq!(put(&mut sim, "resume"), 200);
        sim.advance(3600.0);
        assert_eq!(status(&mut sim)["status"], "ACTIVE");
        assert_eq!(delete(&mut sim, ""), 200);
        sim.advance(3600.0);
        assert!(sim.get("/aws/ec2/managedInstance").is_empty());
    }

    #[test]
    fn a_mishap_is_told_by_its_log() {
        let mut sim = scenario();
        sim.fault(serde_json::json!({"kind": "lifecycle", "ends": "ERROR", "target": "smi-1", "message": "no luck"}));
        put(&mut sim, "recycle");
        sim.advance(3600.0);
        assert_eq!(status(&mut sim)["status"], "ERROR");
        let log = sim.get("/aws/ec2/group/smi-1/logs?fromDate=0&toDate=9000000000000");
        assert!(log[0]["message"].as_str().is_some_and(|line| line.contains("no luck")), "{log:?}");
    }
}
