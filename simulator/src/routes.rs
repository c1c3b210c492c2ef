//! What is simulated: one line per route, with the source that describes it.

use crate::operation::Operation as Op;
use crate::operation::Scope::{self, Administration, Organisation, Read, Write};

/// One simulated route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path with its parameters in braces, spelled as the vendor's description has them.
    pub template: &'static str,
    /// Where the behaviour is described.
    pub source: &'static str,
    pub(crate) operation: Op,
    pub(crate) scope: Scope,
}

const fn route(
    method: &'static str,
    template: &'static str,
    operation: Op,
    scope: Scope,
    source: &'static str,
) -> Route {
    Route { method, template, source, operation, scope }
}

/// All simulated routes.
pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/aws/ec2/group",
        Op::ListGroups,
        Read,
        "openapi: paths./aws/ec2/group.get; filters as in the vendor's Java SDK",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}",
        Op::GetGroup,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}.get",
    ),
    route(
        "POST",
        "/aws/ec2/group",
        Op::CreateGroup,
        Write,
        "openapi: paths./aws/ec2/group.post; defaults as in the vendor's Terraform provider",
    ),
    route(
        "DELETE",
        "/aws/ec2/group/{groupId}",
        Op::DeleteGroup,
        Write,
        "openapi: paths./aws/ec2/group/{groupId}.delete; the body is optional, as all clients have it",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}",
        Op::UpdateGroup,
        Write,
        "openapi: paths./aws/ec2/group/{groupId}.put; shouldResumeStateful as in the vendor's Go SDK",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}/capacity",
        Op::UpdateCapacity,
        Write,
        "openapi: paths./aws/ec2/group/{groupId}/capacity.put",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/status",
        Op::GroupStatus,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/status.get",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/instanceHealthiness",
        Op::InstanceHealthiness,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/instanceHealthiness.get",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/statefulInstance",
        Op::ListStatefulInstances,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/statefulInstance.get; kind recorded by the vendor's Python client fixtures",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/pause",
        Op::PauseStatefulInstance,
        Write,
        "openapi: the path's put; states as in the vendor's help pages",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/resume",
        Op::ResumeStatefulInstance,
        Write,
        "openapi: the path's put; states as in the vendor's help pages",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle",
        Op::RecycleStatefulInstance,
        Write,
        "openapi: the path's put; states as in the vendor's help pages",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/deallocate",
        Op::DeallocateStatefulInstance,
        Write,
        "openapi: the path's put; optional body as the vendor's Jenkins plugin sends it",
    ),
    route(
        "DELETE",
        "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/volume/{volumeId}",
        Op::DeleteStatefulVolume,
        Write,
        "openapi: the path's delete",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/suspension",
        Op::ListSuspensions,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/suspension.get; item recorded by the vendor's Python client fixtures",
    ),
    route(
        "POST",
        "/aws/ec2/group/{groupId}/suspension",
        Op::SuspendProcesses,
        Write,
        "openapi: paths./aws/ec2/group/{groupId}/suspension.post",
    ),
    route(
        "DELETE",
        "/aws/ec2/group/{groupId}/suspension",
        Op::RemoveSuspensions,
        Write,
        "openapi: paths./aws/ec2/group/{groupId}/suspension.delete",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/logs",
        Op::GroupLogs,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/logs.get",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/events",
        Op::GroupEvents,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/events.get; kind and array of parts recorded by the vendor's Python client fixtures",
    ),
    route(
        "GET",
        "/aws/ec2/group/{groupId}/roll",
        Op::ListDeployments,
        Read,
        "openapi: paths./aws/ec2/group/{groupId}/roll.get",
    ),
    route(
        "PUT",
        "/aws/ec2/group/{groupId}/roll",
        Op::StartDeployment,
        Write,
        "openapi: the path's put; groups with state are refused as the help pages say, with an invented code",
    ),
    route(
        "POST",
        "/aws/ec2/group/{groupId}/amiBackup",
        Op::BackupImage,
        Write,
        "openapi: the path's post; what it does is in the vendor's help pages",
    ),
    route(
        "POST",
        "/aws/ec2/instance/interruption",
        Op::InterruptInstances,
        Write,
        "openapi: paths./aws/ec2/instance/interruption.post",
    ),
    route(
        "GET",
        "/aws/ec2/instance/{instanceId}",
        Op::InstanceLifecycle,
        Read,
        "openapi: paths./aws/ec2/instance/{instanceId}.get",
    ),
    route(
        "POST",
        "/aws/ec2/instance/{instanceId}/lock",
        Op::LockInstance,
        Write,
        "openapi: paths./aws/ec2/instance/{instanceId}/lock.post",
    ),
    route(
        "POST",
        "/aws/ec2/instance/{instanceId}/unlock",
        Op::UnlockInstance,
        Write,
        "openapi: paths./aws/ec2/instance/{instanceId}/unlock.post",
    ),
    route(
        "GET",
        "/aws/ec2/managedInstance",
        Op::ListManagedInstances,
        Read,
        "openapi: paths./aws/ec2/managedInstance.get",
    ),
    route(
        "GET",
        "/aws/ec2/managedInstance/{MI_ID}",
        Op::GetManagedInstance,
        Read,
        "openapi: paths./aws/ec2/managedInstance/{MI_ID}.get",
    ),
    route(
        "GET",
        "/aws/ec2/managedInstance/{MI_ID}/status",
        Op::ManagedInstanceStatus,
        Read,
        "openapi: paths./aws/ec2/managedInstance/{MI_ID}/status.get",
    ),
    route(
        "PUT",
        "/aws/ec2/managedInstance/{MI_ID}/pause",
        Op::PauseManagedInstance,
        Write,
        "openapi: the path's put; states as for stateful instances",
    ),
    route(
        "PUT",
        "/aws/ec2/managedInstance/{MI_ID}/resume",
        Op::ResumeManagedInstance,
        Write,
        "openapi: the path's put; states as for stateful instances",
    ),
    route(
        "PUT",
        "/aws/ec2/managedInstance/{MI_ID}/recycle",
        Op::RecycleManagedInstance,
        Write,
        "openapi: the path's put; states as for stateful instances",
    ),
    route(
        "DELETE",
        "/aws/ec2/managedInstance/{MI_ID}",
        Op::DeleteManagedInstance,
        Write,
        "openapi: paths./aws/ec2/managedInstance/{MI_ID}.delete; the course as for a deallocation",
    ),
    route(
        "DELETE",
        "/aws/ec2/managedInstance/{MI_ID}/volume/{volumeId}",
        Op::DeleteManagedVolume,
        Write,
        "openapi: the path's delete",
    ),
    route(
        "GET",
        "/setup/account",
        Op::ListAccounts,
        Organisation,
        "openapi: paths./setup/account.get",
    ),
    route(
        "GET",
        "/setup/account/{accountId}",
        Op::GetAccount,
        Organisation,
        "used by the vendor's Go SDK; not in its description",
    ),
    route(
        "POST",
        "/setup/account",
        Op::CreateAccount,
        Administration,
        "openapi: paths./setup/account.post",
    ),
    route(
        "PUT",
        "/setup/account/{accountId}",
        Op::UpdateAccount,
        Administration,
        "openapi: the path's put",
    ),
    route(
        "DELETE",
        "/setup/account/{accountId}",
        Op::DeleteAccount,
        Administration,
        "openapi: the path's delete; the default account stays, as the vendor's help pages say",
    ),
    route(
        "POST",
        "/setup/credentials/aws/externalId",
        Op::CreateExternalId,
        Write,
        "openapi: the path's post",
    ),
    route(
        "POST",
        "/setup/credentials/aws",
        Op::SetCredentials,
        Write,
        "openapi: the path's post; that it assumes the role is inferred from clients that wait before it",
    ),
    route(
        "GET",
        "/setup/credentials/aws",
        Op::GetCredentials,
        Read,
        "used by the vendor's Go SDK; not in its description",
    ),
    route(
        "GET",
        "/setup/organization/user",
        Op::ListUsers,
        Organisation,
        "openapi: paths./setup/organization/user.get",
    ),
    route("GET", "/setup/user/{userId}", Op::GetUser, Organisation, "openapi: the path's get"),
    route(
        "POST",
        "/setup/user/programmatic",
        Op::CreateProgrammaticUser,
        Administration,
        "openapi: the path's post",
    ),
    route(
        "PUT",
        "/setup/user/{userId}/policyMapping",
        Op::MapUserPolicies,
        Administration,
        "the vendor's Go SDK and Terraform provider",
    ),
    route(
        "DELETE",
        "/setup/user/{userId}",
        Op::DeleteUser,
        Administration,
        "openapi: the path's delete",
    ),
    route(
        "GET",
        "/setup/organization/policy",
        Op::ListPolicies,
        Organisation,
        "openapi: paths./setup/organization/policy.get",
    ),
];

/// The values of a route's parameters, in the order of the template.
pub(crate) type Parameters = Vec<String>;

/// The route of a request with the values of its parameters.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, Parameters)> {
    let wanted: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| {
        let parts: Vec<&str> = route.template.split('/').collect();
        if parts.len() != wanted.len() {
            return None;
        }
        let mut parameters = Vec::new();
        for (part, given) in parts.iter().zip(&wanted) {
            if part.starts_with('{') {
                parameters.push(crate::request::percent_decode(given));
            } else if part != given {
                return None;
            }
        }
        Some((route, parameters))
    })
}

/// Whether two templates mean the same route: the names of the parameters do not matter.
pub(crate) fn same_template(left: &str, right: &str) -> bool {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (left.split('/').collect(), right.split('/').collect());
    let equal = |(a, b): (&&str, &&str)| a == b || (a.starts_with('{') && b.starts_with('{'));
    left.len() == right.len() && left.iter().zip(&right).all(equal)
}

/// Whether `wanted` means this request: a template, a path, or a path with some parts in braces.
pub(crate) fn covers(wanted: &str, template: &str, path: &str) -> bool {
    let wanted: Vec<&str> = wanted.trim_end_matches('/').split('/').collect();
    let template: Vec<&str> = template.split('/').collect();
    let path: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let covered = |((wanted, template), given): ((&&str, &&str), &&str)| {
        wanted == given || (wanted.starts_with('{') && template.starts_with('{'))
    };
    wanted.len() == path.len() && wanted.iter().zip(&template).zip(&path).all(covered)
}

/// Whether any route can be meant by it.
pub(crate) fn is_known(wanted: &str) -> bool {
    let wanted: Vec<&str> = wanted.trim_end_matches('/').split('/').collect();
    let fits = |(wanted, template): (&&str, &str)| *wanted == template || template.starts_with('{');
    ROUTES.iter().any(|route| {
        wanted.len() == route.template.split('/').count()
            && wanted.iter().zip(route.template.split('/')).all(fits)
    })
}

#[cfg(test)]
mod tests;
