//! Machine images.

use super::{ImageId, VendorTime};

/// A machine image as EC2 describes it to the one who asks: a private image of another account is invisible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineImage {
    /// Its id.
    pub id: ImageId,
    /// Its name: whoever made the image chose it, so it is an outsider's input.
    pub name: Option<String>,
    /// `x86_64`, `arm64`, … in EC2's spelling.
    pub architecture: Option<String>,
    /// `available`, `pending`, `failed`, `disabled`, … in EC2's spelling.
    pub state: Option<String>,
    /// When it was made.
    pub created_at: Option<VendorTime>,
    /// Its root device, as far as it is told.
    pub root: Option<RootDevice>,
}

/// What an image boots from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootDevice {
    /// Such as `/dev/xvda`.
    pub name: String,
    /// Whether it is a volume of EBS; none if EC2 does not tell.
    pub is_ebs: Option<bool>,
    /// The size that a volume made of it has at least, in GiB.
    pub size_gib: Option<u64>,
}
