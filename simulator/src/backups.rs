//! AMI backups: an image of the latest instance becomes the image of the group.

use jiff::Timestamp;
use serde_json::json;

use crate::envelope::{Answer, Refusal};
use crate::world::{Call, World};

/// How many images the vendor keeps.
const KEPT: usize = 3;

/// `POST /aws/ec2/group/{groupId}/amiBackup`
pub(crate) fn backup(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(&world.estate)?;
    let (id, shapes) = (group.id.clone(), group.shapes.within(call.shapes));
    if !world.backs_up(&id) {
        return Err(Refusal::backup_with_data(&id));
    }
    world.backup_image(&id, call.now);
    let kind = "spotinst:aws:ec2:group:amiBackup";
    Ok(Answer::Items { kind, items: vec![json!(true)], shapes })
}

impl World {
    /// Whether the group may be backed up: the vendor's help pages say that this and persisted data exclude each other.
    pub(crate) fn backs_up(&self, id: &str) -> bool {
        let persisted = self.estate.group(id).map(crate::estate::Group::persisted);
        self.behaviour.backup_with_data || !persisted.is_some_and(|persisted| persisted.data)
    }

    /// Makes an image and writes it into the group's configuration, over whatever image was set there.
    pub(crate) fn backup_image(&mut self, id: &str, now: Timestamp) {
        let image = self.ids.image();
        self.change(now, |estate| {
            let Some(group) = estate.group_mut(id) else { return };
            group.config["compute"]["launchSpecification"]["imageId"] = json!(image);
            group.config["updatedAt"] = json!(now.to_string());
            let message = format!("AMI backup of group {id}: its image is {image} now.");
            group.log(now, "INFO", message, None);
            group.event(now, "Update", Vec::new());
            group.backups.push(image);
            if group.backups.len() > KEPT {
                group.backups.remove(0);
            }
        });
    }
}
