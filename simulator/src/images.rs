//! Images that do not boot, or that AWS does not know.

use serde::{Deserialize, Serialize};

/// One image with something wrong about it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Image {
    pub(crate) id: String,
    /// Whether a machine comes up from it; if not, a stateful instance that is launched from it ends in `ERROR`.
    #[serde(default = "yes")]
    pub(crate) boots: bool,
    /// Whether AWS knows it; if not, no group can be given it.
    #[serde(default = "yes")]
    pub(crate) exists: bool,
}

fn yes() -> bool {
    true
}

/// The images that are known; every other one exists and boots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Images(Vec<Image>);

impl Images {
    fn find(&self, id: &str) -> Option<&Image> {
        self.0.iter().find(|image| image.id == id)
    }

    pub(crate) fn boots(&self, id: &str) -> bool {
        self.find(id).is_none_or(|image| image.boots && image.exists)
    }

    pub(crate) fn exists(&self, id: &str) -> bool {
        self.find(id).is_none_or(|image| image.exists)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::scenario::{Scenario, code};

    const LONG: f64 = 3600.0;
    const HEAD: &str = "images: [{id: ami-broken, boots: false}, {id: ami-nowhere, exists: false}]";

    fn image(id: &str) -> Value {
        json!({"group": {"compute": {"launchSpecification": {"imageId": id}}}})
    }

    #[test]
    fn a_recycle_onto_an_image_that_does_not_boot_ends_in_error_with_a_line_in_the_log() {
        let mut sim = Scenario::with(HEAD);
        let before = sim.ssi("sig-plain", "ssi-1");
        assert_eq!(sim.put("/aws/ec2/group/sig-plain", image("ami-broken")).status, 200);
        sim.act("sig-plain", "ssi-1", "recycle");
        sim.advance(LONG);
        let after = sim.ssi("sig-plain", "ssi-1");
        assert_eq!((&after["state"], after.get("instanceId")), (&json!("ERROR"), None));
        assert_eq!(after["devices"][0], before["devices"][1], "the data volume is kept");
        let logs = sim.get("/aws/ec2/group/sig-plain/logs?fromDate=0&toDate=9000000000000");
        let line = logs[0]["message"].as_str().unwrap();
        assert!(line.contains("ami-broken does not boot"), "{line}");
    }

    #[test]
    fn a_persisted_root_does_not_meet_the_groups_image_and_keeps_its_lineage() {
        let mut sim = Scenario::with(HEAD);
        sim.put("/aws/ec2/group/sig-root", image("ami-broken"));
        let lineage = |sim: &mut Scenario| {
            sim.list("sig-root");
            sim.world.estate.group("sig-root").unwrap().stateful[0].lineage.clone()
        };
        sim.act("sig-root", "ssi-r", "recycle");
        sim.advance(LONG);
        assert_eq!(sim.state("sig-root", "ssi-r"), "ACTIVE");
        assert_eq!(lineage(&mut sim), "ami-new");
        let mut update = image("ami-3");
        update["group"]["strategy"] = json!({"persistence": {"shouldPersistRootDevice": false}});
        sim.put("/aws/ec2/group/sig-root", update);
        sim.act("sig-root", "ssi-r", "recycle");
        sim.advance(LONG);
        assert_eq!(lineage(&mut sim), "ami-3");
        assert_eq!(sim.ssi("sig-root", "ssi-r")["imageId"], "ami-3");
    }

    #[test]
    fn no_group_is_given_an_image_that_does_not_exist() {
        let mut sim = Scenario::with(HEAD);
        let refused = sim.put("/aws/ec2/group/sig-plain", image("ami-nowhere"));
        assert_eq!((refused.status, code(&refused).as_str()), (400, "CANT_VALIDATE_IMAGE"));
    }
}
