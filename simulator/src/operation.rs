//! What routes do, and what a caller must be allowed to do for it.

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListGroups,
    GetGroup,
    CreateGroup,
    UpdateGroup,
    DeleteGroup,
    UpdateCapacity,
    GroupStatus,
    InstanceHealthiness,
    ListStatefulInstances,
    PauseStatefulInstance,
    ResumeStatefulInstance,
    RecycleStatefulInstance,
    DeallocateStatefulInstance,
    DeleteStatefulVolume,
    ListSuspensions,
    SuspendProcesses,
    RemoveSuspensions,
    GroupLogs,
    GroupEvents,
    ListDeployments,
    StartDeployment,
    BackupImage,
    InterruptInstances,
    InstanceLifecycle,
    LockInstance,
    UnlockInstance,
    ListManagedInstances,
    PauseManagedInstance,
    ResumeManagedInstance,
    RecycleManagedInstance,
    DeleteManagedInstance,
    DeleteManagedVolume,
    GetManagedInstance,
    ManagedInstanceStatus,
    ListAccounts,
    GetAccount,
    CreateAccount,
    UpdateAccount,
    DeleteAccount,
    CreateExternalId,
    SetCredentials,
    CreateProgrammaticUser,
    MapUserPolicies,
    DeleteUser,
    GetCredentials,
    ListUsers,
    GetUser,
    ListPolicies,
}

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Read within one account.
    Read,
    /// Change something within one account.
    Write,
    /// Ask about the organisation; the account of the query does not matter.
    Organisation,
    /// Change something of the organisation; the account of the query does not matter.
    Administration,
}
