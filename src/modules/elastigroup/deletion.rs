//! The end of a group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Returns, failed};
use super::target::{refused, stateful};
use super::{Run, State};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Deallocation, Group};
use crate::modules::rolling::beside_a_roll;
use crate::plan::group::Refusal;

/// What is deleted with a stateful group.
#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
pub(super) struct DeletionOptions {
    /// The images made of root volumes.
    delete_images: bool,
    /// The network interfaces, and with them the private addresses.
    delete_network_interfaces: bool,
    /// The volumes.
    delete_volumes: bool,
    /// The snapshots.
    delete_snapshots: bool,
}

impl Default for DeletionOptions {
    fn default() -> Self {
        Self {
            delete_images: false,
            // The vendor's own default; an interface without its group serves nothing.
            delete_network_interfaces: true,
            delete_volumes: false,
            delete_snapshots: false,
        }
    }
}

impl From<DeletionOptions> for Deallocation {
    fn from(options: DeletionOptions) -> Self {
        Self {
            delete_images: options.delete_images,
            delete_network_interfaces: options.delete_network_interfaces,
            delete_volumes: options.delete_volumes,
            delete_snapshots: options.delete_snapshots,
        }
    }
}

impl<'c> Run<'c> {
    /// There is no such group, as it should be.
    pub(super) fn nothing(self) -> Planned<'c, Returns> {
        debug_assert!(self.args.state == State::Absent);
        let named = self.args.id.as_deref().map(str::to_owned);
        let named = named.or_else(|| self.wanted.get("name")?.as_str().map(str::to_owned));
        let message = format!("there is no group {}", named.unwrap_or_default());
        Planned::unchanged(Returns::default()).with_diff(json!({}), json!({})).with_message(message)
    }

    /// Deletes a group.
    pub(super) fn delete(self, group: &Group) -> Result<Planned<'c, Returns>, Failure> {
        let doing = format!("delete group {} ({})", group.name, group.id);
        // An id is found in any region: where another one is named, another group may be meant.
        let region = group.region.as_ref().map(|region| region.as_str());
        let wanted = self.wanted.get("region").and_then(serde_json::Value::as_str);
        let doubt = match (wanted, region) {
            (Some(wanted), Some(region)) if wanted != region => Some(Failure::new(format!(
                "cannot {doing}: it is in {region}, and region is {wanted}; nothing was deleted: correct either"
            ))),
            (Some(wanted), None) => Some(
                Failure::new(format!(
                    "cannot {doing}: region is {wanted}, and the vendor does not tell that of the group; nothing was deleted: \
                     run this again, or leave region out"
                ))
                .retryable(true),
            ),
            _ => None,
        };
        if let Some(doubt) = doubt {
            return Err(doubt.with("id", group.id.as_str()));
        }
        let standing = self
            .with_keeper(|keeper| keeper.standing(group, false))
            .map_err(|error| failed(&error, false))?;
        let is_stateful = group.persistence.may_have_stateful_instances();
        // What cannot be read may well be there.
        let unknown = usize::from(is_stateful && !standing.oddities.is_empty());
        // Its instances keep their data, whatever its configuration says since.
        let instances = match is_stateful {
            true => standing.stateful.len(),
            false => {
                let may_lose = self.args.confirm_data_loss;
                let listed = stateful(&self.client, &self.account, group, may_lose)?;
                listed.items.len() + listed.left_out.len()
            }
        };
        if instances + unknown > 0 && !self.args.confirm_data_loss {
            let refusal = Refusal::HasInstances { instances };
            return Err(refused(&doing, &refusal).with("id", group.id.as_str()));
        }
        let args = &self.args;
        let unread = beside_a_roll(
            &group.id,
            &doing,
            "",
            (!args.ignore_open_run).then_some(args.state_dir.as_deref()),
            self.context.world,
        )?;
        let before = json!({
            "id": group.id.as_str(), "name": group.name, "instances": standing.hosts,
            "deallocation": args.deallocation,
        });
        let returns = || Returns::of(group).with_instances(&standing);
        let (expected, done) = (returns(), returns());
        let (id, what) = (group.id.clone(), args.deallocation.into());
        let name = group.name.clone();
        Ok(Planned::change(expected, move || {
            self.with_keeper(|keeper| keeper.delete(&id, what)).map_err(|error| {
                failed(&error, error.may_have_changed()).with("id", id.as_str())
            })?;
            let mut outcome = Outcome::from(done);
            outcome.message = Some(format!("group {name} ({id}) was deleted"));
            Ok(outcome)
        })
        .with_diff(before, json!({}))
        .with_message(format!("would {doing}"))
        .with_warnings(unread))
    }
}
