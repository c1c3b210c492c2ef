//! Creation, update and deletion, each looked at before it is asked for again.

use std::time::Duration;

use serde_json::{Map, Value};

use super::basis::Basis;
use super::error::GroupError;
use crate::domain::{AccountId, Clock, Deallocation, Group, GroupId};
use crate::drive::progress::Progress;
use crate::drive::stateful::TRACE_WINDOW;
use crate::drive::wait::{TimeUp, until};
use crate::plan::group::{Changes, Found, Wanted, changes, find, not_kept};
use crate::spot::{Client, Created, Sent, SpotError, UpdateManner};

/// How long it is looked for the effect of an update or a deletion whose answer was lost, and for what was answered. To send one of
/// these again does no harm.
const LOOKING: Duration = Duration::from_secs(10);

/// How long a group is looked for whose creation was not answered. A second creation makes a second group, and the list may lag behind
/// the first: so as long as for the trace of a recycle.
const TRACING: Duration = TRACE_WINDOW;

/// How long a creation is repeated that AWS throttled, or whose role or image is not known to AWS yet (the vendor's Terraform
/// provider repeats it for a minute).
const SETTLING: Duration = Duration::from_secs(60);

/// The part of a configuration that is never sent as it was a while ago.
const CAPACITY: &str = "capacity";

/// Refusals of a creation that end by themselves: AWS under load, IAM and images that lag behind.
const PASSING: &[&str] =
    &["CANT_CREATE_GROUP", "CANT_VALIDATE_IMAGE", "RequestLimitExceeded", "InvalidParameterValue"];

/// What a group is kept with.
#[derive(Clone, Copy)]
pub struct Keeper<'a> {
    /// The API.
    pub client: &'a Client,
    /// The account that the groups are in.
    pub account: &'a AccountId,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Tells the person who waits.
    pub progress: &'a Progress<'a>,
}

/// A group that was made.
#[derive(Debug)]
pub struct Made {
    /// It, as it was read back.
    pub group: Group,
    /// How often it was asked for: 2 where an answer was lost and nothing was found.
    pub sent: u32,
}

/// What came of asking for a group.
enum Asked {
    Made(GroupId),
    Lost(Box<SpotError>),
}

impl Keeper<'_> {
    /// Makes a group. `known` are the groups that were there before: if the answer is lost, a new one of the same name and
    /// region is the one that was asked for.
    ///
    /// # Errors
    ///
    /// Every variant of [`GroupError`] but those of updates, deletions and waits.
    pub fn create(
        &self,
        config: &Map<String, Value>,
        known: &[GroupId],
    ) -> Result<Made, GroupError> {
        let mut sent = 0;
        loop {
            sent += 1;
            let error = match self.ask(config) {
                Ok(Asked::Made(id)) => return Ok(Made { group: self.read_back(&id)?, sent }),
                Ok(Asked::Lost(error)) => error,
                Err(GroupError::Spot(error)) if sent > 1 => {
                    let what = format!("group {:?}", name_of(config));
                    let error = Box::new(error);
                    return Err(GroupError::RefusedSince { what, id: None, done: "made", error });
                }
                Err(error) => return Err(error),
            };
            self.progress.tell(&format!("{error}; looking for two minutes whether it was made"));
            if let Some(id) = self.look_for(config, known, &error)? {
                return Ok(Made { group: self.read_back(&id)?, sent });
            }
            if sent > 1 {
                return Err(GroupError::Lost { name: name_of(config).to_owned(), error });
            }
        }
    }

    /// Sends a creation until it is answered: made, or refused for good.
    fn ask(&self, config: &Map<String, Value>) -> Result<Asked, GroupError> {
        let mut refusal = None;
        let outcome = until(self.clock, SETTLING, || {
            self.progress.tell(&format!("creating group {}", name_of(config)));
            match self.client.create_group(self.account, config) {
                Created::Made(group) => Ok(Some(Asked::Made(group.id))),
                Created::Unknown(error) => Ok(Some(Asked::Lost(Box::new(error)))),
                Created::Refused(error) if is_passing(&error) => {
                    self.progress.tell(&format!("{error}; trying again for a minute"));
                    refusal = Some(error);
                    Ok(None)
                }
                Created::Refused(error) => Err(GroupError::Spot(error)),
            }
        })?;
        outcome.map_err(|after| match refusal {
            Some(error) => GroupError::Spot(error),
            None => GroupError::NotMade {
                id: GroupId::new("unknown"),
                after,
                words: "nothing was answered".to_owned(),
            },
        })
    }

    /// The new group of that name and region, looked for until it appears or is late.
    fn look_for(
        &self,
        config: &Map<String, Value>,
        known: &[GroupId],
        lost: &SpotError,
    ) -> Result<Option<GroupId>, GroupError> {
        let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, region) = (text("name"), text("region"));
        let unknown = |reading: String| GroupError::UnknownCreation {
            name: name.to_owned(),
            error: Box::new(lost.clone()),
            reading,
        };
        let found = until(self.clock, TRACING, || {
            let listed = self
                .client
                .list_groups(self.account)
                .map_err(|error| unknown(error.to_string()))?;
            let is_fresh = |group: &Group| !known.contains(&group.id);
            let fresh: Vec<Group> = listed.items.into_iter().filter(is_fresh).collect();
            let asked = Wanted { id: None, name: Some(name), region: Some(region) };
            match find(asked, &fresh, &listed.left_out) {
                Found::Nothing { .. } => Ok(None),
                Found::One(group) => Ok(Some(group.id.clone())),
                Found::Several(ids) => Err(GroupError::Twins { name: name.to_owned(), ids }),
                Found::Unsure(why) => Err(unknown(why)),
            }
        })?;
        Ok(found.ok())
    }

    /// The group as it is stored. What was made a moment ago may not be listed yet.
    fn read_back(&self, id: &GroupId) -> Result<Group, GroupError> {
        let mut words = String::new();
        let found = until(self.clock, LOOKING, || match self.client.get_group(self.account, id) {
            Ok(listed) => {
                words = listed.left_out.join("; ");
                Ok(listed.items.into_iter().next())
            }
            Err(error @ SpotError::NotFound { .. }) => {
                words = error.to_string();
                Ok(None)
            }
            Err(error) => Err(GroupError::Spot(error)),
        });
        let found = found.map_err(|error| error.since(id, "made"))?;
        found.map_err(|after| GroupError::NotMade { id: id.clone(), after, words })
    }

    /// Changes a group and proves that the change is stored.
    ///
    /// An answer that is lost is looked for; as an update names values and no steps, it is then sent once more. A capacity is sent
    /// whole, with what was read of it: so the group is read again right before, each time.
    ///
    /// # Errors
    ///
    /// [`GroupError::Spot`], [`GroupError::Moved`], [`GroupError::NotKept`].
    pub fn update(
        &self,
        basis: &Basis<'_>,
        wanted: &Map<String, Value>,
        found: &Changes,
        manner: UpdateManner,
    ) -> Result<Group, GroupError> {
        let id = &basis.group.id;
        let patch = found.patch(&basis.group.raw);
        if patch.contains_key(CAPACITY) {
            self.check_unmoved(basis, false)?;
        }
        let names: Vec<&str> = found.0.iter().map(|change| change.path.as_str()).collect();
        self.progress.tell(&format!("changing {} of group {id}", names.join(", ")));
        let mut last = self.client.patch_group(self.account, id, &patch, manner);
        let is_unsure = matches!(last, Sent::Unknown(_));
        if let Sent::Unknown(error) = &last {
            self.progress.tell(&format!("{error}; looking whether it was changed"));
            let group = self.read(id).map_err(|error| error.since(id, "perhaps changed"))?;
            if not_kept(wanted, &group.raw).is_empty() {
                return Ok(group);
            }
            let rest = changes(wanted, &group.raw).patch(&group.raw);
            if rest.contains_key(CAPACITY) {
                self.check_unmoved(basis, true)
                    .map_err(|error| error.since(id, "perhaps changed"))?;
            }
            last = self.client.patch_group(self.account, id, &rest, manner);
        }
        match last {
            Sent::Accepted => self.kept(id, wanted).map_err(|error| error.since(id, "changed")),
            Sent::Refused(error) if is_unsure => {
                Err(GroupError::Spot(error).after_lost(id, "changed"))
            }
            Sent::Refused(error) => Err(GroupError::Spot(error)),
            Sent::Unknown(error) => {
                // Perhaps it was, after all.
                let unknown = |_| GroupError::from(error).since(id, "perhaps changed");
                self.kept(id, wanted).map_err(unknown)
            }
        }
    }

    /// Reads until the group is as wanted, for the vendor's 200 does not prove it.
    fn kept(&self, id: &GroupId, wanted: &Map<String, Value>) -> Result<Group, GroupError> {
        let mut fields = Vec::new();
        let stored = until(self.clock, LOOKING, || {
            let group = self.read(id)?;
            fields = not_kept(wanted, &group.raw);
            Ok::<_, GroupError>(fields.is_empty().then_some(group))
        })?;
        stored.map_err(|after| GroupError::NotKept { id: id.clone(), fields, after })
    }

    fn read(&self, id: &GroupId) -> Result<Group, GroupError> {
        let listed = self.client.get_group(self.account, id)?;
        let problem = listed.left_out.join("; ");
        listed.items.into_iter().next().ok_or_else(|| GroupError::NotMade {
            id: id.clone(),
            after: TimeUp::default(),
            words: problem,
        })
    }

    /// Deletes a group and sees that it is gone. One that is gone already is no error.
    ///
    /// # Errors
    ///
    /// [`GroupError::Spot`], [`GroupError::StillThere`].
    pub fn delete(&self, id: &GroupId, what: Deallocation) -> Result<(), GroupError> {
        self.progress.tell(&format!("deleting group {id}"));
        for is_last in [false, true] {
            match self.client.delete_group(self.account, id, what) {
                Sent::Accepted | Sent::Refused(SpotError::NotFound { .. }) => break,
                Sent::Refused(error) if is_last => {
                    return Err(GroupError::Spot(error).after_lost(id, "deleted"));
                }
                Sent::Refused(error) => return Err(error.into()),
                Sent::Unknown(error) => {
                    self.progress.tell(&format!("{error}; looking whether it was deleted"));
                    match self.gone(id) {
                        Ok(()) => return Ok(()),
                        Err(_) if is_last => {
                            return Err(GroupError::from(error).since(id, "perhaps deleted"));
                        }
                        Err(_) => {}
                    }
                }
            }
        }
        self.gone(id)
    }

    fn gone(&self, id: &GroupId) -> Result<(), GroupError> {
        let gone = until(self.clock, LOOKING, || match self.client.get_group(self.account, id) {
            Err(SpotError::NotFound { .. }) => Ok(Some(())),
            Ok(_) => Ok(None),
            Err(error) => Err(GroupError::Spot(error)),
        });
        let gone = gone.map_err(|error| error.since(id, "deleted"))?;
        gone.map_err(|after| GroupError::StillThere { id: id.clone(), after })
    }
}

fn name_of(config: &Map<String, Value>) -> &str {
    config.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn is_passing(error: &SpotError) -> bool {
    let code = error.error_code().unwrap_or_default();
    let is_role = |text: &str| text.contains("Instance Profile");
    PASSING.contains(&code) && (code != "InvalidParameterValue" || is_role(&error.to_string()))
}
