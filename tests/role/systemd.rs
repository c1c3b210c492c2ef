//! What systemd tells of a service: how it ended, and what an image does with it.

use serde_json::json;

use crate::site::{Site, changed, last_words};
use crate::support::ansible::VERSIONS;

/// Stands for systemd: what it shows of every service, by what it is asked for.
fn systemctl(site: &Site, ended: &str, unit: &str, file: &str) {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n  *ActiveState*) printf '{ended}' ;;\n  *LoadState*) printf '{unit}' ;;\n  cat*) printf '{file}' ;;\n  *) exit 1 ;;\nesac\n"
    );
    site.program("systemctl", &script);
}

const CLEAN: &str =
    "Result=exit-code\\nExecMainCode=1\\nExecMainStatus=143\\nActiveState=failed\\n";
const FIT: &str = "TimeoutStopUSec=6min\\nLoadState=loaded\\nUnitFileState=disabled\\n";

#[test]
fn a_service_that_was_killed_while_it_stopped_keeps_its_machine() {
    for (version, ended) in VERSIONS.into_iter().zip([
        "Result=timeout\\nExecMainCode=2\\nExecMainStatus=9\\nActiveState=failed\\n",
        "Result=success\\nExecMainCode=1\\nExecMainStatus=0\\nActiveState=active\\n",
    ]) {
        let site = Site::with(2);
        let before = site.settings();
        systemctl(&site, ended, FIT, "");
        let words = last_words(&site.roll(version, &json!({}), &[]));
        assert!(words.contains("the service was not stopped cleanly"), "{version}: {words}");
        assert!(words.contains("its service was started again there"), "{version}: {words}");
        assert!(site.recycles().is_empty(), "{version}");
        assert_eq!((site.settings(), site.told("ssi-01").as_str()), (before, "stopped started"));
    }
}

/// It may have been killed; only a machine without systemd has nobody to ask.
#[test]
fn a_service_of_which_systemd_does_not_tell_keeps_its_machine() {
    let refuse = |site: &Site, words: &str| {
        let script = format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n");
        site.program("systemctl", &script);
    };
    let site = Site::with(1);
    refuse(&site, "Failed to connect to bus: Connection refused");
    let words = last_words(&site.roll(VERSIONS[0], &json!({}), &[]));
    for word in
        ["systemd does not tell how the service ended: Failed to connect", "started again there"]
    {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(site.recycles().is_empty());
    refuse(
        &site,
        "System has not been booted with systemd as init system (PID 1). Can\"t operate.",
    );
    assert!(changed(&site.roll(VERSIONS[1], &json!({}), &[])) > 3);
    site.assert_recycled_once(&site.nodes());
}

#[test]
fn a_service_that_left_nothing_of_a_clean_stop_keeps_its_machine() {
    let site = Site::with(2);
    let path = site.path("nodes/{{ rolling_recycle_node.id }}/data");
    let more = json!({"rolling_recycle_data_paths":
        [{"path": path, "markers": ["meta.properties"], "clean_stop": [".kafka_cleanshutdown"]}]});
    let words = last_words(&site.roll(VERSIONS[1], &more, &[]));
    assert!(words.contains(".kafka_cleanshutdown is missing"), "{words}");
    assert!(site.recycles().is_empty());
    for node in site.nodes() {
        site.desk.file(&format!("nodes/{node}/data/.kafka_cleanshutdown"), "");
    }
    assert!(changed(&site.roll(VERSIONS[1], &more, &[])) > 3);
    site.assert_recycled_once(&site.nodes());
}

#[test]
fn an_image_that_starts_a_service_at_boot_or_kills_it_soon_is_warned_of_and_rolled_all_the_same() {
    for version in VERSIONS {
        let site = Site::with(1);
        let unit = "TimeoutStopUSec=1min 30s\\nLoadState=loaded\\nUnitFileState=enabled\\n";
        systemctl(&site, CLEAN, unit, "");
        site.program("pgrep", "#!/bin/sh\necho 42 java -Xmx1g Main\n");
        let expects = json!([
            {"process": "Main", "text": "-Dsafe=true", "why": "it runs without -Dsafe=true"},
            {"process": "Main", "text": "-Xmx1g", "why": "it runs without -Xmx1g"},
        ]);
        let run = site.roll(version, &json!({"rolling_recycle_image_expects": expects}), &[]);
        assert!(changed(&run) > 3, "{version}");
        let told = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in [
            "is enabled and starts at boot",
            "set TimeoutStopSec=360 or more",
            "lacks something: it runs without -Dsafe=true",
        ] {
            assert!(told.contains(word), "{version}: {word}: {told}");
        }
        assert!(!told.contains("without -Xmx1g"), "{version}: {told}");
    }
}

#[test]
fn an_image_whose_service_waits_for_a_marker_and_stops_in_its_time_is_not_warned_of() {
    for version in VERSIONS {
        let site = Site::with(1);
        let marker = site.path("may-start");
        let unit = "TimeoutStopUSec=infinity\\nLoadState=loaded\\nUnitFileState=enabled\\n";
        systemctl(&site, CLEAN, unit, &format!("ConditionPathExists={}\\n", marker.display()));
        let run = site.roll(version, &json!({"rolling_recycle_start_marker": marker}), &[]);
        assert!(changed(&run) > 3, "{version}");
        assert!(!run.stdout.contains("lacks something"), "{version}: {}", run.stdout);
    }
}
