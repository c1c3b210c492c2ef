//! What is asked of AWS about markets and machines, in builds with and without it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{
    Ec2Instance, ImageId, InstanceId, LaunchAnswer, LaunchOrder, MachineImage, MachineType,
    MicroUsd, Parameter, Region, SpotPrice, Subnet, Template, TemplateName,
};
use crate::drive::ec2::{Ec2Access, Ec2Error};

type Told<T> = Result<T, Ec2Error>;

/// AWS, as far as markets and launches need it. Each call ends within the time of [`Ec2Access`].
#[expect(missing_docs, reason = "each is the call of the AWS facade of that name")]
pub trait Cloud: Send + Sync {
    fn account(&self) -> Told<String>;
    fn machine_types(&self, region: &Region, patterns: &[String]) -> Told<Vec<MachineType>>;
    fn spot_prices(&self, region: &Region, now: Timestamp) -> Told<Vec<SpotPrice>>;
    fn on_demand_prices(&self, region: &Region) -> Told<BTreeMap<String, MicroUsd>>;
    fn placement_scores(
        &self,
        region: &Region,
        types: &[String],
        count: u32,
    ) -> Told<BTreeMap<String, u8>>;
    fn zones(&self, region: &Region) -> Told<BTreeMap<String, String>>;
    fn parameter(&self, region: &Region, name: &str) -> Told<Option<String>>;
    fn parameters_below(&self, region: &Region, path: &str) -> Told<Vec<Parameter>>;
    fn put_parameter(&self, region: &Region, name: &str, value: &str) -> Told<()>;
    fn delete_parameters(&self, region: &Region, names: &[String]) -> Told<()>;
    fn run_instance(&self, region: &Region, order: &LaunchOrder<'_>) -> Told<LaunchAnswer>;
    fn tagged_instances(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
    ) -> Told<Vec<Ec2Instance>>;
    fn instances(&self, region: &Region, ids: &[InstanceId]) -> Told<Vec<Ec2Instance>>;
    fn terminate_instances(&self, region: &Region, ids: &[InstanceId]) -> Told<Vec<InstanceId>>;
    fn rehearse_end(&self, region: &Region, ids: &[InstanceId]) -> Told<()>;
    fn subnets(&self, region: &Region, ids: &[String]) -> Told<Vec<Subnet>>;
    fn template(&self, region: &Region, name: &TemplateName) -> Told<Option<Template>>;
    fn image(&self, region: &Region, id: &ImageId) -> Told<Option<MachineImage>>;
}

#[cfg(feature = "aws")]
mod real {
    use super::{
        BTreeMap, Cloud, Ec2Access, Ec2Instance, ImageId, InstanceId, LaunchAnswer, LaunchOrder,
        MachineImage, MachineType, MicroUsd, Parameter, Region, SpotPrice, Subnet, Template,
        TemplateName, Timestamp, Told,
    };
    use crate::aws::Aws;
    use crate::drive::ec2::aws_config;

    impl Cloud for Aws {
        fn account(&self) -> Told<String> {
            Ok(self.identity()?.account)
        }

        fn machine_types(&self, region: &Region, patterns: &[String]) -> Told<Vec<MachineType>> {
            Ok(Aws::machine_types(self, region, patterns)?)
        }

        fn spot_prices(&self, region: &Region, now: Timestamp) -> Told<Vec<SpotPrice>> {
            Ok(Aws::spot_prices(self, region, now)?)
        }

        fn on_demand_prices(&self, region: &Region) -> Told<BTreeMap<String, MicroUsd>> {
            Ok(Aws::on_demand_prices(self, region)?)
        }

        fn placement_scores(
            &self,
            region: &Region,
            types: &[String],
            count: u32,
        ) -> Told<BTreeMap<String, u8>> {
            Ok(Aws::placement_scores(self, region, types, count)?)
        }

        fn zones(&self, region: &Region) -> Told<BTreeMap<String, String>> {
            Ok(Aws::zones(self, region)?)
        }

        fn parameter(&self, region: &Region, name: &str) -> Told<Option<String>> {
            Ok(Aws::parameter(self, region, name)?)
        }

        fn parameters_below(&self, region: &Region, path: &str) -> Told<Vec<Parameter>> {
            Ok(Aws::parameters_below(self, region, path)?)
        }

        fn put_parameter(&self, region: &Region, name: &str, value: &str) -> Told<()> {
            Ok(Aws::put_parameter(self, region, name, value)?)
        }

        fn delete_parameters(&self, region: &Region, names: &[String]) -> Told<()> {
            Ok(Aws::delete_parameters(self, region, names)?)
        }

        fn run_instance(&self, region: &Region, order: &LaunchOrder<'_>) -> Told<LaunchAnswer> {
            Ok(Aws::run_instance(self, region, order)?)
        }

        fn tagged_instances(
            &self,
            region: &Region,
            tags: &BTreeMap<String, String>,
        ) -> Told<Vec<Ec2Instance>> {
            Ok(Aws::tagged_instances(self, region, tags)?)
        }

        fn instances(&self, region: &Region, ids: &[InstanceId]) -> Told<Vec<Ec2Instance>> {
            Ok(self.describe_instances(region, ids)?)
        }

        fn terminate_instances(
            &self,
            region: &Region,
            ids: &[InstanceId],
        ) -> Told<Vec<InstanceId>> {
            Ok(Aws::terminate_instances(self, region, ids)?)
        }

        fn rehearse_end(&self, region: &Region, ids: &[InstanceId]) -> Told<()> {
            Ok(Aws::rehearse_end(self, region, ids)?)
        }

        fn subnets(&self, region: &Region, ids: &[String]) -> Told<Vec<Subnet>> {
            Ok(Aws::subnets(self, region, ids)?)
        }

        fn template(&self, region: &Region, name: &TemplateName) -> Told<Option<Template>> {
            Ok(Aws::template(self, region, name)?)
        }

        fn image(&self, region: &Region, id: &ImageId) -> Told<Option<MachineImage>> {
            Ok(self.describe_images(region, std::slice::from_ref(id))?.pop())
        }
    }

    /// Finds credentials and makes ready to ask.
    ///
    /// # Errors
    ///
    /// Any [`Ec2Error`](super::Ec2Error).
    pub fn connect(access: &Ec2Access) -> Told<Box<dyn Cloud>> {
        Ok(Box::new(Aws::connect(aws_config(access))?))
    }
}

#[cfg(not(feature = "aws"))]
mod real {
    use super::{Cloud, Ec2Access, Ec2Error, Told};

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`Ec2Error::NotBuilt`].
    pub fn connect(_access: &Ec2Access) -> Told<Box<dyn Cloud>> {
        Err(Ec2Error::NotBuilt)
    }
}

pub use real::connect;
