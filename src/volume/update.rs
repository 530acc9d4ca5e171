//! Changing a volume's lifetime.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::{Volume, on_volumes};
use crate::api::types;
use crate::client::{Safety, check_id};
use crate::error::Error;

/// A change of a volume's lifetime; see [`Volume::update`]. Call exactly one setter, and await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct UpdateVolume {
    volume: Volume,
    // The outer option says whether it is sent, the inner one what: null clears.
    days: Option<Option<u32>>,
    hours: Option<Option<u32>>,
}

impl UpdateVolume {
    pub(super) fn new(volume: &Volume) -> Self {
        Self { volume: volume.clone(), days: None, hours: None }
    }

    /// Lets it live this many days from its creation, 1 to 3650, in place of hours.
    pub fn max_lifetime_days(mut self, days: u32) -> Self {
        self.days = Some(Some(days));
        self
    }

    /// Lets it live this many hours from its creation, 1 to 24, in place of days.
    pub fn max_lifetime_hours(mut self, hours: u32) -> Self {
        self.hours = Some(Some(hours));
        self
    }

    /// Removes the limit in days, so that it lives until it is deleted: it has one in days or in
    /// hours, never both.
    pub fn clear_max_lifetime_days(mut self) -> Self {
        self.days = Some(None);
        self
    }

    /// Removes the limit in hours, so that it lives until it is deleted.
    pub fn clear_max_lifetime_hours(mut self) -> Self {
        self.hours = Some(None);
        self
    }

    async fn send(self) -> Result<(), Error> {
        let body = &self.body()?;
        let (client, id) = (self.volume.client(), check_id("volume id", self.volume.id())?);
        let send = |api: crate::api::Client| async move { api.update_volume(id, body).await };
        let wire = client.call(on_volumes(client, Safety::Once), send).await?.into_inner();
        self.volume.update_info(wire);
        Ok(())
    }

    fn body(&self) -> Result<types::UpdateVolumeRequest, Error> {
        if self.days.is_some() == self.hours.is_some() {
            let problem =
                if self.days.is_some() { "days and hours are both" } else { "nothing is" };
            let message = format!("{problem} set; one update changes exactly one of the lifetimes");
            return Err(Error::invalid_input(message));
        }
        Ok(types::UpdateVolumeRequest {
            max_lifetime_days: self.days.map(|days| days.map(Into::into).into()),
            max_lifetime_hours: self.hours.map(|hours| hours.map(Into::into).into()),
            ..types::UpdateVolumeRequest::default()
        })
    }
}

impl IntoFuture for UpdateVolume {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
