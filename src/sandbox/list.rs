//! Listing sandboxes, page by page.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use super::Sandbox;
use crate::api::{SandboxStatus, types};
use crate::client::options::{CallOptions, call_options};
use crate::client::{Call, Client, Safety};
use crate::error::{Error, ErrorKind, Scope};
use crate::wire::{Integer, MetadataQuery};

/// A list of sandboxes, newest first; see [`Sandbox::list`]. Await it for all of them, or call
/// [`stream`](Self::stream).
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ListSandboxes {
    status: Option<SandboxStatus>,
    metadata: BTreeMap<String, String>,
    page_size: Option<u32>,
    options: CallOptions,
}

impl ListSandboxes {
    pub(super) fn new() -> Self {
        Self {
            status: None,
            metadata: BTreeMap::new(),
            page_size: None,
            options: CallOptions::default(),
        }
    }

    /// Only sandboxes with this status.
    pub fn status(mut self, status: impl Into<SandboxStatus>) -> Self {
        self.status = Some(status.into());
        self
    }

    /// Only sandboxes with this tag. Called again, all of them must match.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// How many sandboxes one request asks for. Default: 50; the server caps it at 200.
    pub fn page_size(mut self, count: u32) -> Self {
        self.page_size = Some(count);
        self
    }

    call_options!();

    /// The sandboxes one by one; the next page is asked for when it is needed.
    ///
    /// After an error the stream ends. Dropping it between pages costs nothing.
    pub fn stream(self) -> SandboxStream {
        let pages = futures::stream::try_unfold(Cursor::Start(self), |cursor| async move {
            let (client, list, mut seen) = match cursor {
                Cursor::Start(list) => (list.options.resolve()?, list, Vec::new()),
                Cursor::Next(client, list, seen) => (client, list, seen),
                Cursor::End => return Ok(None),
            };
            let page = list.page(&client, seen.last().map(String::as_str)).await?;
            let sandboxes: Vec<_> = page
                .sandboxes
                .into_iter()
                .map(|wire| Sandbox::from_wire(client.clone(), wire))
                .collect();
            let next = match page.next_cursor.filter(|next| !next.is_empty()) {
                Some(next) if seen.contains(&next) => {
                    return Err(Error::new(
                        ErrorKind::Decode,
                        "the server answered with the same page again",
                    ));
                }
                Some(next) => {
                    seen.push(next);
                    Cursor::Next(client, list, seen)
                }
                None => Cursor::End,
            };
            Ok(Some((futures::stream::iter(sandboxes), next)))
        });
        SandboxStream(pages.try_flatten().boxed())
    }

    async fn page(
        &self,
        client: &Client,
        cursor: Option<&str>,
    ) -> Result<types::SandboxList, Error> {
        let metadata = &MetadataQuery(self.metadata.clone());
        let metadata = (!self.metadata.is_empty()).then_some(metadata);
        let limit = self.page_size.map(Integer::from);
        let limit = limit.as_ref();
        let status = self.status.as_ref();
        let send = |api: crate::api::Client| async move {
            api.list_sandboxes(cursor, limit, metadata, status).await
        };
        let call = Call { scope: Scope::Resource, ..client.plain(Safety::Repeatable) };
        Ok(client.call(call, send).await?.into_inner())
    }
}

enum Cursor {
    Start(ListSandboxes),
    /// The cursors so far; the last one leads on.
    Next(Client, ListSandboxes, Vec<String>),
    End,
}

impl IntoFuture for ListSandboxes {
    type Output = Result<Vec<Sandbox>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.stream().try_collect())
    }
}

/// Sandboxes, page by page; from [`ListSandboxes::stream`].
#[must_use = "a stream does nothing until it is polled"]
pub struct SandboxStream(BoxStream<'static, Result<Sandbox, Error>>);

impl Stream for SandboxStream {
    type Item = Result<Sandbox, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for SandboxStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxStream").finish_non_exhaustive()
    }
}
