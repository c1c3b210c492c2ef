//! From operations to the code that carries them out.

use crate::envelope::{Answer, Refusal};
use crate::estate::Estate;
use crate::lifecycle::Action;
use crate::operation::Operation;
use crate::world::{Call, World};
use crate::{accounts, backups, create, credentials, deployments, events, groups, instances, logs};
use crate::{managed, managed_actions, stateful, suspensions, users};

impl World {
    /// Reads from `estate`, which may be an older one.
    pub(crate) fn read(
        &self,
        operation: Operation,
        estate: &Estate,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        match operation {
            Operation::ListGroups => groups::list(estate, call),
            Operation::GetGroup => groups::get(estate, call),
            Operation::GroupStatus => instances::status(estate, call),
            Operation::InstanceHealthiness => instances::healthiness(estate, call),
            Operation::ListStatefulInstances => stateful::list(estate, call),
            Operation::ListSuspensions => suspensions::list(estate, call),
            Operation::GroupLogs => logs::list(estate, call),
            Operation::GroupEvents => events::list(estate, call),
            Operation::ListDeployments => deployments::list(estate, call),
            Operation::InstanceLifecycle => instances::lifecycle(self, estate, call),
            Operation::ListManagedInstances => managed::list(estate, call),
            Operation::GetManagedInstance => managed::get(estate, call),
            Operation::ManagedInstanceStatus => managed::status(estate, call),
            Operation::ListAccounts => accounts::list(self, call),
            Operation::GetAccount => accounts::get(self, call),
            Operation::GetCredentials => credentials::get(self, call),
            Operation::ListUsers => users::list(self, call),
            Operation::GetUser => users::get(self, call),
            Operation::ListPolicies => users::policies(call),
            Operation::CreateGroup
            | Operation::DeleteGroup
            | Operation::UpdateGroup
            | Operation::UpdateCapacity
            | Operation::PauseStatefulInstance
            | Operation::ResumeStatefulInstance
            | Operation::RecycleStatefulInstance
            | Operation::DeallocateStatefulInstance
            | Operation::DeleteStatefulVolume
            | Operation::SuspendProcesses
            | Operation::RemoveSuspensions
            | Operation::StartDeployment
            | Operation::BackupImage
            | Operation::InterruptInstances
            | Operation::LockInstance
            | Operation::PauseManagedInstance
            | Operation::ResumeManagedInstance
            | Operation::RecycleManagedInstance
            | Operation::DeleteManagedInstance
            | Operation::DeleteManagedVolume
            | Operation::CreateAccount
            | Operation::UpdateAccount
            | Operation::DeleteAccount
            | Operation::CreateExternalId
            | Operation::SetCredentials
            | Operation::CreateProgrammaticUser
            | Operation::MapUserPolicies
            | Operation::DeleteUser
            | Operation::UnlockInstance => Err(Refusal::masked()),
        }
    }

    /// Changes the world.
    pub(crate) fn write(
        &mut self,
        operation: Operation,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        match operation {
            Operation::CreateGroup => create::create(self, call),
            Operation::DeleteGroup => create::delete(self, call),
            Operation::UpdateGroup => groups::update(self, call),
            Operation::UpdateCapacity => groups::update_capacity(self, call),
            Operation::PauseStatefulInstance => stateful::act(self, call, Action::Pause),
            Operation::ResumeStatefulInstance => stateful::act(self, call, Action::Resume),
            Operation::RecycleStatefulInstance => stateful::act(self, call, Action::Recycle),
            Operation::DeallocateStatefulInstance => stateful::act(self, call, Action::Deallocate),
            Operation::DeleteStatefulVolume => stateful::delete_volume(self, call),
            Operation::SuspendProcesses => suspensions::suspend(self, call),
            Operation::RemoveSuspensions => suspensions::remove(self, call),
            Operation::StartDeployment => deployments::start(self, call),
            Operation::BackupImage => backups::backup(self, call),
            Operation::InterruptInstances => instances::interrupt(self, call),
            Operation::LockInstance => instances::lock(self, call, true),
            Operation::UnlockInstance => instances::lock(self, call, false),
            Operation::PauseManagedInstance => managed_actions::act(self, call, Action::Pause),
            Operation::ResumeManagedInstance => managed_actions::act(self, call, Action::Resume),
            Operation::RecycleManagedInstance => managed_actions::act(self, call, Action::Recycle),
            Operation::DeleteManagedInstance => {
                managed_actions::act(self, call, Action::Deallocate)
            }
            Operation::DeleteManagedVolume => managed_actions::delete_volume(self, call),
            Operation::CreateAccount => accounts::create(self, call),
            Operation::UpdateAccount => accounts::update(self, call),
            Operation::DeleteAccount => accounts::delete(self, call),
            Operation::CreateExternalId => credentials::create_external_id(self, call),
            Operation::SetCredentials => credentials::set(self, call),
            Operation::CreateProgrammaticUser => users::create(self, call),
            Operation::MapUserPolicies => users::map(self, call),
            Operation::DeleteUser => users::delete(self, call),
            Operation::ListGroups
            | Operation::GetGroup
            | Operation::GroupStatus
            | Operation::InstanceHealthiness
            | Operation::ListStatefulInstances
            | Operation::ListSuspensions
            | Operation::GroupLogs
            | Operation::GroupEvents
            | Operation::ListDeployments
            | Operation::InstanceLifecycle
            | Operation::ListManagedInstances
            | Operation::GetManagedInstance
            | Operation::ManagedInstanceStatus
            | Operation::ListAccounts
            | Operation::GetCredentials
            | Operation::ListUsers
            | Operation::GetUser
            | Operation::ListPolicies
            | Operation::GetAccount => Err(Refusal::masked()),
        }
    }
}
