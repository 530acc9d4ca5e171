//! Creating a volume.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::{Volume, on_volumes};
use crate::api::types;
use crate::client::Safety;
use crate::client::options::{CallOptions, call_options};
use crate::error::Error;

/// A volume to create; see [`Volume::create`]. Await it.
///
/// What is not set is not sent: the server's defaults apply.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct CreateVolume {
    body: types::CreateVolumeRequest,
    options: CallOptions,
}

impl CreateVolume {
    pub(super) fn new(name: String, size_gb: f64) -> Self {
        let body = types::CreateVolumeRequest { name, size_gb, ..Default::default() };
        Self { body, options: CallOptions::default() }
    }

    /// Where it is, such as `fsn1` or `hel1`. Default: where its first sandbox is.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.body.region = Some(region.into());
        self
    }

    /// How many days it lives, 1 to 3650; or give [hours](Self::max_lifetime_hours), not both.
    /// Default: until it is deleted.
    pub fn max_lifetime_days(mut self, days: u32) -> Self {
        self.body.max_lifetime_days = Some(days.into());
        self
    }

    /// How many hours it lives, 1 to 24; or give [days](Self::max_lifetime_days), not both.
    /// Default: until it is deleted.
    pub fn max_lifetime_hours(mut self, hours: u32) -> Self {
        self.body.max_lifetime_hours = Some(hours.into());
        self
    }

    call_options!();

    async fn send(self) -> Result<Volume, Error> {
        let client = self.options.resolve()?;
        check(&self.body)?;
        let body = &self.body;
        let send = |api: crate::api::Client| async move { api.create_volume(body).await };
        let wire = client.call(on_volumes(&client, Safety::Once), send).await?.into_inner();
        Ok(Volume::from_wire(client, wire))
    }
}

/// What cannot be meant. All else the server judges.
fn check(body: &types::CreateVolumeRequest) -> Result<(), Error> {
    if !body.size_gb.is_finite() {
        return Err(Error::invalid_input("`size_gb` is not a finite number"));
    }
    if body.max_lifetime_days.is_some() && body.max_lifetime_hours.is_some() {
        return Err(Error::invalid_input(
            "`max_lifetime_days` and `max_lifetime_hours` are both set; give one of them",
        ));
    }
    Ok(())
}

impl IntoFuture for CreateVolume {
    type Output = Result<Volume, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
