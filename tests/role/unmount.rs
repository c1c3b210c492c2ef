//! Data is unmounted before its machine is given up, where that is asked for, and mounted again where it is not.

use std::fs;

use serde_json::json;

use crate::site::{Site, changed, last_words};
use crate::support::ansible::VERSIONS;

/// Stands for a node's `findmnt`, `umount` and `mount`: a file says what is mounted, another one what was done.
fn with_mounts(site: &Site) {
    let home = site.path("mounts");
    fs::create_dir(&home).unwrap();
    let home = home.display();
    site.program(
        "findmnt",
        &format!(
            "#!/bin/sh\nfor last; do :; done\ncase \"$1\" in --mountpoint) test -e {home}/$(basename $last) ;;\n\
             *) node=$(basename $(dirname $last)); touch -a {home}/.seen; echo \"uuid-$node  /mnt/$node\" ;; esac\n"
        ),
    );
    site.program(
        "umount",
        &format!("#!/bin/sh\necho \"umount $1\" >>{home}/.done\ntest ! -e {home}/.busy || {{ echo 'target is busy' >&2; exit 32; }}\nrm {home}/$(basename $1)\n"),
    );
    site.program(
        "mount",
        &format!("#!/bin/sh\necho \"mount $1\" >>{home}/.done\ntouch {home}/$(basename $1)\n"),
    );
    for node in site.nodes() {
        fs::write(site.path("mounts").join(node), "").unwrap();
    }
}

fn done(site: &Site) -> Vec<String> {
    let done = fs::read_to_string(site.path("mounts/.done")).unwrap_or_default();
    done.lines().map(str::to_owned).collect()
}

#[test]
fn data_is_unmounted_before_the_machine_is_given_up() {
    for version in VERSIONS {
        let site = Site::with(2);
        with_mounts(&site);
        // A new machine mounts by itself, before anyone asks.
        let tasks = format!(
            "- ansible.builtin.copy: {{dest: '{}/{{{{ rolling_recycle_node.id }}}}', content: '', mode: '0600'}}\n\
             - ansible.builtin.include_tasks: '{{{{ role_path }}}}/tasks/identity.yml'\n",
            site.path("mounts").display()
        );
        let mut more = json!({"rolling_recycle_unmount": true});
        more["rolling_recycle_tasks"] = site.tasks("identity", &tasks);
        assert!(changed(&site.roll(version, &more, &[])) > 3, "{version}");
        site.assert_recycled_once(&site.nodes());
        assert_eq!(done(&site), ["umount /mnt/ssi-01", "umount /mnt/ssi-02"], "{version}");
    }
}

#[test]
fn data_that_is_in_use_keeps_its_machine_and_a_gate_that_stays_shut_has_it_mounted_again() {
    let site = Site::with(2);
    with_mounts(&site);
    let more = json!({"rolling_recycle_unmount": true});
    fs::write(site.path("mounts/.busy"), "").unwrap();
    let words = last_words(&site.roll(VERSIONS[0], &more, &[]));
    assert!(words.contains("target is busy"), "{words}");
    assert!(words.contains("its service was started again there"), "{words}");
    assert!(site.recycles().is_empty());

    fs::remove_file(site.path("mounts/.busy")).unwrap();
    fs::remove_file(site.path("mounts/.done")).unwrap();
    let shut = json!({
        "rolling_recycle_unmount": true,
        "rolling_recycle_gates_between": [{"name": "never", "kind": "command", "command": ["false"]}],
    });
    let words = last_words(&site.roll(VERSIONS[1], &shut, &[]));
    assert!(words.contains("its service was started again there"), "{words}");
    assert_eq!(done(&site), ["umount /mnt/ssi-01", "mount /mnt/ssi-01"]);
    assert_eq!(site.told("ssi-01"), "stopped started stopped started");
    assert!(site.recycles().is_empty());
}
