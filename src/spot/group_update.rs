//! Changing a group's configuration, and what forbids it.

use serde_json::{Map, Value, json};

use super::actions::Sent;
use super::client::Client;
use super::error::SpotError;
use super::request::Request;
use super::{Listed, wire};
use crate::domain::{AccountId, Deployment, GroupChange, GroupId, ImageId, Persistence};

/// Newest deployments that are read: at most one runs at a time.
const DEPLOYMENTS: &str = "20";

impl Client {
    /// The group's newest deployments, newest first. While one runs, the vendor takes no update of the group.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn deployments(
        &self,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Listed<Deployment>, SpotError> {
        let reply = self.call(&Request::list_deployments(account, group)?)?;
        Ok(wire::listed(reply, "deployment", wire::deployment))
    }

    /// Changes a group's configuration, and nothing of its running instances. An empty change needs no call.
    ///
    /// `names_images_in_list` is [`crate::domain::Group::names_images_in_list`] as it was read: the vendor refuses a
    /// group with both forms. An accepted change may still not have been stored whole, so it has to be read again.
    pub fn update_group(
        &self,
        account: &AccountId,
        group: &GroupId,
        change: &GroupChange,
        names_images_in_list: bool,
    ) -> Sent {
        if change.is_empty() {
            return Sent::Accepted;
        }
        self.send(Request::update_group(account, group, change, names_images_in_list))
    }
}

impl Request {
    fn list_deployments(account: &AccountId, group: &GroupId) -> Result<Self, SpotError> {
        let (route, thing) = ("/aws/ec2/group/{groupId}/roll", format!("group {group}"));
        let doing = format!("list the deployments of {thing}");
        let mut call = Self::new("GET", route, &[group.as_str()], doing, thing)?;
        call.query.push(("limit", DEPLOYMENTS.to_owned()));
        call.query.push(("sort", "createdAt:DESC".to_owned()));
        Ok(call.in_account(account))
    }

    fn update_group(
        account: &AccountId,
        group: &GroupId,
        change: &GroupChange,
        names_images_in_list: bool,
    ) -> Result<Self, SpotError> {
        let (route, thing) = ("/aws/ec2/group/{groupId}", format!("group {group}"));
        let doing = format!("change the configuration of {thing}");
        let mut call = Self::new("PUT", route, &[group.as_str()], doing, thing)?;
        let mut changed = Map::new();
        if let Some(id) = &change.image_id {
            let launch = image(id, names_images_in_list);
            changed.insert("compute".to_owned(), json!({ "launchSpecification": launch }));
        }
        if let Some(wanted) = &change.persistence {
            let strategy = json!({ "persistence": persistence(wanted) });
            changed.insert("strategy".to_owned(), strategy);
        }
        call.body = Some(json!({ "group": changed }));
        Ok(call.in_account(account))
    }
}

fn image(id: &ImageId, names_images_in_list: bool) -> Value {
    match names_images_in_list {
        true => json!({ "images": [{ "id": id.as_str() }] }),
        false => json!({ "imageId": id.as_str() }),
    }
}

/// All switches together: it is not documented whether the object is merged or replaced. A mode that is not known is
/// left out, for null would clear it.
fn persistence(wanted: &Persistence) -> Value {
    let mut fields = json!({
        "shouldPersistRootDevice": wanted.root_device,
        "shouldPersistBlockDevices": wanted.block_devices,
        "shouldPersistPrivateIp": wanted.private_ip,
    });
    if let Some(mode) = &wanted.block_devices_mode {
        fields["blockDevicesMode"] = json!(mode.as_str());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::BlockDevicesMode;
    use crate::spot::Idempotency;

    fn update(change: &GroupChange, names_images_in_list: bool) -> Request {
        let (account, group) = (AccountId::new("act-1"), GroupId::new("sig-1"));
        Request::update_group(&account, &group, change, names_images_in_list).unwrap()
    }

    fn persistent(mode: Option<BlockDevicesMode>) -> Persistence {
        Persistence { block_devices: true, block_devices_mode: mode, ..Persistence::default() }
    }

    #[test]
    fn an_update_says_only_what_changes() {
        let image_id = Some(ImageId::new("ami-1"));
        let persistence = Some(persistent(Some(BlockDevicesMode::Reattach)));
        let switches = json!({"persistence": {
            "shouldPersistRootDevice": false, "shouldPersistBlockDevices": true,
            "shouldPersistPrivateIp": false, "blockDevicesMode": "reattach"}});
        let single = json!({"launchSpecification": {"imageId": "ami-1"}});
        let list = json!({"launchSpecification": {"images": [{"id": "ami-1"}]}});
        let both = GroupChange { image_id, persistence };
        let image_only = GroupChange { persistence: None, ..both.clone() };
        let switches_only = GroupChange { image_id: None, ..both.clone() };
        let table = [
            (&image_only, false, json!({"compute": single})),
            (&image_only, true, json!({"compute": list})),
            (&switches_only, true, json!({"strategy": switches})),
            (&both, false, json!({"compute": single, "strategy": switches})),
        ];
        for (change, in_list, expected) in table {
            let request = update(change, in_list);
            assert_eq!((request.method, request.path.as_str()), ("PUT", "/aws/ec2/group/sig-1"));
            assert_eq!(request.query, [("accountId", "act-1".to_owned())]);
            assert_eq!(request.idempotency, Idempotency::Mutation);
            assert_eq!(request.body, Some(json!({ "group": expected })));
        }
    }

    #[test]
    fn a_mode_is_sent_as_it_came_or_not_at_all() {
        let later = BlockDevicesMode::Other("later".to_owned());
        for (mode, expected) in [(None, None), (Some(later), Some(&json!("later")))] {
            let persistence = Some(persistent(mode));
            let body = update(&GroupChange { image_id: None, persistence }, false).body.unwrap();
            assert_eq!(body["group"]["strategy"]["persistence"].get("blockDevicesMode"), expected);
        }
    }

    #[test]
    fn deployments_are_asked_for_newest_first() {
        let (account, group) = (AccountId::new("act-1"), GroupId::new("sig-1"));
        let request = Request::list_deployments(&account, &group).unwrap();
        assert_eq!((request.method, request.path.as_str()), ("GET", "/aws/ec2/group/sig-1/roll"));
        let query = [("limit", "20"), ("sort", "createdAt:DESC"), ("accountId", "act-1")];
        assert_eq!(request.query, query.map(|(name, value)| (name, value.to_owned())));
    }
}
