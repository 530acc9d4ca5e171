//! URLs that let others send or fetch one file.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Files, checked};
use crate::api::types;
use crate::client::Safety;
use crate::error::Error;
use crate::wire::whole_seconds;
use crate::{Secret, Timestamp};

/// A URL for one file that takes plain HTTP without a key, any number of times until it expires.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PresignedUrl {
    /// The URL. Whoever has it can use it, so it is kept out of `Debug` and of logs.
    pub url: Secret,
    /// The method that it is good for: `GET` or `PUT`.
    pub method: String,
    /// The path of the file in the sandbox.
    pub path: String,
    /// When it expires, if the server said it.
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Upload,
    Download,
}

/// A URL to ask for; see [`Files::presign_upload`] and [`Files::presign_download`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct Presign {
    files: Files,
    path: String,
    direction: Direction,
    expires_in: Option<Duration>,
}

impl Files {
    /// A URL to which anybody can `PUT` the content of this file, with a `Content-Length`.
    /// `POST /v1/sandboxes/{id}/files/presign-upload`.
    ///
    /// To send a file from here, [`upload`](Self::upload) is simpler.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a path that is not absolute
    /// or a lifetime outside of 60 s to 3600 s,
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a paused or terminated sandbox.
    pub fn presign_upload(&self, path: impl Into<String>) -> Presign {
        Presign::new(self, path.into(), Direction::Upload)
    }

    /// A URL from which anybody can `GET` this file.
    /// `POST /v1/sandboxes/{id}/files/presign-download`.
    ///
    /// To fetch a file from here, [`download`](Self::download) is simpler.
    ///
    /// # Errors
    ///
    /// As for [`presign_upload`](Self::presign_upload), and
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such file.
    pub fn presign_download(&self, path: impl Into<String>) -> Presign {
        Presign::new(self, path.into(), Direction::Download)
    }
}

impl Presign {
    fn new(files: &Files, path: String, direction: Direction) -> Self {
        Self { files: files.clone(), path, direction, expires_in: None }
    }

    /// How long the URL is good for, from 60 s to 3600 s, rounded up to whole seconds.
    /// Default: 600 s.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }

    async fn send(self) -> Result<PresignedUrl, Error> {
        checked(&self.path)?;
        let allowed = Duration::from_secs(60)..=Duration::from_secs(3600);
        if let Some(lifetime) = self.expires_in.filter(|lifetime| !allowed.contains(lifetime)) {
            return Err(Error::invalid_input(format!(
                "a presigned URL cannot last {} s; it must be from 60 s to 3600 s",
                lifetime.as_secs_f64()
            )));
        }
        let body = &types::PresignRequest {
            path: self.path.clone(),
            expires_in: self.expires_in.map(whole_seconds).transpose()?,
            ..types::PresignRequest::default()
        };
        let (client, id) = (self.files.sandbox.client(), self.files.sandbox.id());
        let call = client.path_call(Safety::Once);
        let (answer, method) = match self.direction {
            Direction::Upload => {
                let send =
                    |api: crate::api::Client| async move { api.presign_upload(id, body).await };
                (client.call(call, send).await?, "PUT")
            }
            Direction::Download => {
                let send =
                    |api: crate::api::Client| async move { api.presign_download(id, body).await };
                (client.call(call, send).await?, "GET")
            }
        };
        let wire = answer.into_inner();
        Ok(PresignedUrl {
            url: wire.url,
            method: wire.method.map_or_else(|| method.to_owned(), |method| method.to_string()),
            path: wire.path.unwrap_or(self.path),
            expires_at: wire.expires_at,
        })
    }
}

impl IntoFuture for Presign {
    type Output = Result<PresignedUrl, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
