use super::*;

#[test]
fn routes_are_found_with_their_parameters() {
    let (route, parameters) =
        find("PUT", "/aws/ec2/group/sig-1/statefulInstance/ssi-2/recycle").unwrap();
    assert_eq!(route.operation, Op::RecycleStatefulInstance);
    assert_eq!(parameters, ["sig-1", "ssi-2"]);
    assert!(find("PATCH", "/aws/ec2/group").is_none());
    assert!(find("GET", "/aws/ec2/nothing").is_none());
}

#[test]
fn a_fault_may_name_a_template_a_path_or_something_between() {
    let route = "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/pause";
    let path = "/aws/ec2/group/sig-1/statefulInstance/ssi-1/pause";
    for wanted in [route, path, "/aws/ec2/group/sig-1/statefulInstance/{ssi}/pause"] {
        assert!(covers(wanted, route, path) && is_known(wanted), "{wanted}");
    }
    for wanted in ["/aws/ec2/group/sig-2/statefulInstance/{ssi}/pause", "/aws/ec2/group/{id}"] {
        assert!(!covers(wanted, route, path), "{wanted}");
    }
    assert!(!is_known("/aws/ec2/grupo"));
    assert!(!covers("/aws/ec2/{x}", "/aws/ec2/group", "/aws/ec2/group"));
}

#[test]
fn templates_compare_without_the_names_of_parameters() {
    assert!(same_template("/aws/ec2/group/{id}", "/aws/ec2/group/{groupId}"));
    assert!(!same_template("/aws/ec2/group/sig-1", "/aws/ec2/group/{groupId}"));
}
