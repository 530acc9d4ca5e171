//! Where a port of a sandbox is reached: `sbx.get_host` and `sbx.preview_url`.

use std::fmt;

use serde::Serialize;

use crate::api::types;
use crate::client::Safety;
use crate::error::{Error, ErrorKind};
use crate::{Sandbox, Secret};

/// The query parameter that carries the preview token (reference: "preview_auth").
const PARAMETER: &str = "ork_preview_token";
/// The header that carries it.
const HEADER: &str = "X-Orkestr-Preview-Token";

/// Where a port of a sandbox is reached; see [`Sandbox::host_info`](crate::Sandbox::host_info).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HostInfo {
    /// The port in the sandbox.
    pub port: u16,
    /// The host, with a port of its own where that is not the scheme's.
    pub host: String,
    /// The URL of the host, without a token.
    pub url: String,
}

/// The address of a preview and what opens it; from
/// [`Sandbox::preview_url`](crate::Sandbox::preview_url).
///
/// With a token it is a secret: `Debug` shows the URL without it, and there is no `Display`.
/// [`expose`](Self::expose) gives the whole URL, for a person or a browser;
/// [`header`](Self::header) the token for a program, which keeps it out of logs of URLs.
#[derive(Clone, PartialEq, Eq)]
pub struct PreviewUrl {
    host: HostInfo,
    token: Option<Secret>,
    full: Secret,
}

impl PreviewUrl {
    fn new(host: HostInfo, token: Option<Secret>) -> Result<Self, Error> {
        let full = match &token {
            None => host.url.clone(),
            Some(token) => {
                let mut url = reqwest::Url::parse(&host.url).map_err(|_| {
                    let message =
                        "the answer is not what the API describes: the preview's url is none";
                    Error::new(ErrorKind::Decode, message)
                })?;
                url.query_pairs_mut().append_pair(PARAMETER, token.expose());
                url.into()
            }
        };
        Ok(Self { host, token, full: Secret::new(full) })
    }

    /// The whole URL: with `ork_preview_token` in its query if the sandbox asks for a token.
    /// Whoever has it can use the preview.
    pub fn expose(&self) -> &str {
        self.full.expose()
    }

    /// The URL without a token.
    pub fn url(&self) -> &str {
        &self.host.url
    }

    /// The host, with a port of its own where that is not the scheme's.
    pub fn host(&self) -> &str {
        &self.host.host
    }

    /// The port in the sandbox.
    pub fn port(&self) -> u16 {
        self.host.port
    }

    /// The token, if the sandbox asks for one.
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// The header that opens the preview in place of the token in the URL: its name,
    /// `X-Orkestr-Preview-Token`, and its value. `None` if the sandbox asks for no token.
    pub fn header(&self) -> Option<(&'static str, &Secret)> {
        self.token.as_ref().map(|token| (HEADER, token))
    }
}

impl fmt::Debug for PreviewUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewUrl")
            .field("url", &self.host.url)
            .field("token", &self.token)
            .finish()
    }
}

pub(crate) async fn host(sandbox: &Sandbox, port: u16) -> Result<HostInfo, Error> {
    if port == 0 {
        return Err(Error::invalid_input("port 0 is no port; it must be from 1 to 65535"));
    }
    let (client, id) = (sandbox.client(), sandbox.id());
    let send = |api: crate::api::Client| async move { api.get_host(id, port.into()).await };
    let wire: types::PreviewHost =
        client.call(client.plain(Safety::Repeatable), send).await?.into_inner();
    // The port was ours to say.
    let url = wire.url.unwrap_or_else(|| format!("https://{}", wire.host));
    Ok(HostInfo { port, host: wire.host, url })
}

pub(crate) async fn url(sandbox: &Sandbox, port: u16) -> Result<PreviewUrl, Error> {
    let host = host(sandbox, port).await?;
    let wants_token = || sandbox.preview_auth() == Some(true);
    if wants_token() && sandbox.preview_auth_token().is_none() {
        // This handle may come from an answer that did not tell it.
        sandbox.refresh().await?;
    }
    let token = sandbox.preview_auth_token();
    if wants_token() && token.is_none() {
        let message = format!(
            "sandbox {} asks for a preview token and the server does not tell it; its creator may \
             know it",
            sandbox.id()
        );
        return Err(Error::new(ErrorKind::Decode, message));
    }
    PreviewUrl::new(host, token.filter(|_| sandbox.preview_auth() != Some(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(url: &str, token: Option<&str>) -> Result<PreviewUrl, Error> {
        let host = HostInfo { port: 80, host: "h".into(), url: url.into() };
        PreviewUrl::new(host, token.map(Secret::new))
    }

    #[test]
    fn the_token_joins_whatever_query_there_is() {
        for (url, token, full) in [
            ("https://a.example", None, "https://a.example"),
            ("https://a.example", Some("t"), "https://a.example/?ork_preview_token=t"),
            ("http://127.0.0.1:5/x", Some("a&b"), "http://127.0.0.1:5/x?ork_preview_token=a%26b"),
            ("https://a.example/?x=1", Some("t"), "https://a.example/?x=1&ork_preview_token=t"),
        ] {
            assert_eq!(preview(url, token).expect(url).expose(), full);
        }
        assert_eq!(preview("a b", Some("t")).expect_err("no URL").kind(), ErrorKind::Decode);
    }

    #[test]
    fn debug_hides_the_token() {
        let preview = preview("https://a.example", Some("pvt_1234")).expect("a preview");
        let shown = format!("{preview:?} {preview:#?}");
        assert!(shown.contains("https://a.example") && !shown.contains("pvt_1234"), "{shown}");
        assert_eq!(preview.header().map(|(name, _)| name), Some("X-Orkestr-Preview-Token"));
    }
}
