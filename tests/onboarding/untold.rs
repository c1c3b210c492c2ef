//! An account that is connected by a role that the vendor does not tell.

use serde_json::{Value, json};

use crate::owners::make_role;
use crate::support::cli::{ACCOUNT, CANARY, Desk};
use crate::{Site, changed, moto};

/// How often an external id was made, and how often a role was told to the vendor.
fn sent(site: &Site) -> (usize, usize) {
    let requests = site.desk.simulator.requests();
    let posts = |path: &str| {
        requests
            .iter()
            .filter(|it| it.method == "POST" && it.path.trim_end_matches('/') == path)
            .count()
    };
    (posts("/setup/credentials/aws/externalId"), posts("/setup/credentials/aws"))
}

/// Any new external id ends the one that the trust of the live role asks for.
#[test]
fn an_account_keeps_the_role_that_is_not_told() {
    let site = Site::of(
        Desk::with_whole(&format!(
            "tokens: [{{token: {CANARY}}}]\nlimits: {{default: 100000}}\naccounts: [{{id: {ACCOUNT}, name: staging, \
             provider_external_id: '{}', cloud_provider: AWS, iam_role: 'arn:aws:iam::123456789012:role/ByHand'}}]\n",
            moto::ACCOUNT
        )),
        &json!({"tells_roles": false}),
    );
    make_role(&site, "ByHand");
    let before = site.left();
    let refused = site.play("onboard", &[]);
    let said = refused.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    for words in [ACCOUNT, "does not tell by which role", "onboard_account_replace_role"] {
        assert!(said.contains(words), "{words}: {}", refused.stdout);
    }
    assert_eq!((site.left(), sent(&site)), (before, (0, 0)));

    // Named, it stays as it is.
    let named = ["-e", "onboard_account_role_name=ByHand", "-e", "onboard_account_user="];
    assert!(changed(&site.play("onboard", &named)) > 0);
    assert_eq!(sent(&site), (0, 0));

    // With a consent it is another one, of which the vendor is told.
    let replaced = site.play("onboard", &["-e", "onboard_account_replace_role=true"]);
    assert!(changed(&replaced) > 0, "{}", replaced.stdout);
    assert_eq!(sent(&site), (1, 1));
    assert_eq!(changed(&site.play("onboard", &[])), 0);

    // That one is proved by its mark, until it is gone, or keeps the vendor out while the account answers.
    let kept = site.parameter("/spot/staging/external-id").unwrap();
    let mut other: Value = serde_json::from_str(&kept).unwrap();
    other["external_id"] = json!("another");
    let put = |value: &str| {
        let name = "/spot/staging/external-id";
        let put = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        site.moto.ssm(crate::REGION, "PutParameter", &put).unwrap();
    };
    put(&other.to_string());
    let shut_out = site.play("onboard", &[]);
    let said = shut_out.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shut_out.code != 0 && said.contains("Mend the trust by hand"), "{}", shut_out.stdout);
    put(&kept);
    let policy = "PolicyArn=arn:aws:iam::123456789012:policy/SpotPolicy-staging";
    site.moto.iam(&format!("DetachRolePolicy&RoleName=SpotRole-staging&{policy}"));
    site.moto.iam("DeleteRole&RoleName=SpotRole-staging");
    let gone = site.play("onboard", &[]);
    let said = gone.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(gone.code != 0 && said.contains("does not tell by which role"), "{}", gone.stdout);
    assert_eq!(sent(&site), (1, 1));
}
