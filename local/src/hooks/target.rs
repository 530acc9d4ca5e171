//! Where deliveries may go, and one attempt to bring one there.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use orkestr::WebhookEvent;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Url, redirect};
use tokio::sync::oneshot;

use super::hook::Delivery;
use crate::egress::is_public;
use crate::problem::Problem;

const LONGEST_URL: usize = 2048;

/// A URL that may be called.
#[derive(Debug)]
pub(crate) struct Target {
    url: Url,
    reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    /// This machine, which the hosted service would refuse.
    Loopback,
    /// The internet, and nothing of the network that this machine is in.
    Public,
}

impl Target {
    /// What is wrong with a URL, without repeating it: it may hold what is secret.
    pub(crate) fn check(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_URL {
            return Err(format!("At most {LONGEST_URL} characters are allowed"));
        }
        let wrong = |problem: &str| format!("{problem}; write it like https://example.com/hooks");
        let url = Url::parse(text).map_err(|error| wrong(&format!("Not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("The scheme should be https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("A URL with a user or a password is not called"));
        }
        let host = url.host_str().unwrap_or_default();
        let name = host.trim_end_matches('.');
        let reach = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) if ip.to_canonical().is_loopback() => Reach::Loopback,
            Ok(ip) if !is_public(ip) => {
                return Err(wrong("A private address is not called, only loopback is"));
            }
            Err(_) if name == "localhost" || name.ends_with(".localhost") => Reach::Loopback,
            _ => Reach::Public,
        };
        if url.scheme() == "http" && reach == Reach::Public {
            return Err(wrong("Only https is called, and http on loopback"));
        }
        Ok(Self { url, reach })
    }

    pub(crate) fn connect(self) -> Result<Receiver, Problem> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("orkestr-local/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // A proxy would look up the name itself, and find what the resolver below refuses.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(self.reach)))
            // One that a receiver closes meanwhile would look like a failure.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| Problem::internal(reason(&error)))?;
        Ok(Receiver { url: self.url, client })
    }
}

/// A target, and how to reach it. `Debug` hides the URL.
pub(crate) struct Receiver {
    url: Url,
    client: reqwest::Client,
}

impl Receiver {
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// One attempt. Why it failed is told without the URL and without what the receiver wrote.
    pub(crate) async fn post(&self, delivery: &Delivery, signature: &str) -> Result<(), String> {
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(WebhookEvent::EVENT_HEADER, delivery.event.as_str())
            .header(WebhookEvent::DELIVERY_HEADER, &delivery.id)
            .header(WebhookEvent::SIGNATURE_HEADER, signature)
            .body(delivery.body.clone());
        let response = request.send().await.map_err(|error| reason(&error))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status @ 300..=399 => Err(format!("HTTP {status}, and redirects are not followed")),
            status => Err(format!("HTTP {status}")),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver(***)")
    }
}

/// The last cause: the outer ones name the URL.
fn reason(error: &reqwest::Error) -> String {
    const LONGEST: usize = 200;
    let what = if error.is_connect() { "no connection" } else { "the connection broke" };
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    match cause {
        Some(cause) => format!("{what}: {cause}").chars().take(LONGEST).collect(),
        None => what.to_owned(),
    }
}

/// Whoever controls a name decides where it leads, but not into this network.
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            if reach == Reach::Loopback {
                let ips = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
                return Ok(addresses(ips.map(|ip| SocketAddr::new(ip, 0))));
            }
            let (done, found) = oneshot::channel();
            // No thread of the runtime's: its end would wait for a slow look-up.
            std::thread::Builder::new().name("orkestr-webhook-dns".into()).spawn(move || {
                drop(done.send((name.as_str(), 0).to_socket_addrs().map(Vec::from_iter)));
            })?;
            let found = found.await??;
            let public: Vec<_> =
                found.iter().copied().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() && !found.is_empty() {
                return Err("its name leads to a private address".into());
            }
            Ok(addresses(public))
        })
    }
}

fn addresses<I: IntoIterator<Item = SocketAddr>>(found: I) -> Addrs
where
    I::IntoIter: Send + 'static,
{
    Box::new(found.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called() {
        for (url, reach) in [
            ("https://example.com/hooks?token=1", Reach::Public),
            ("https://192.0.2.1:8443/", Reach::Public),
            ("https://[2001:db8::1]/", Reach::Public),
            ("http://localhost:8080/", Reach::Loopback),
            ("http://LOCALHOST./", Reach::Loopback),
            ("http://app.localhost/", Reach::Loopback),
            ("http://127.0.0.1:8080/", Reach::Loopback),
            ("http://127.9.9.9/", Reach::Loopback),
            // As the URL standard reads them.
            ("http://2130706433/", Reach::Loopback),
            ("http://0x7f.1/", Reach::Loopback),
            ("http://[::1]:8080/", Reach::Loopback),
            ("http://[::ffff:127.0.0.1]/", Reach::Loopback),
            ("https://localhost/", Reach::Loopback),
        ] {
            assert_eq!(Target::check(url).expect(url).reach, reach, "{url}");
        }
    }

    #[test]
    fn what_is_not_and_why_without_the_url() {
        for (url, why) in [
            ("", "Not a URL"),
            ("hidden", "Not a URL"),
            ("/hidden", "Not a URL"),
            ("https://", "Not a URL"),
            ("ftp://127.0.0.1/hidden", "scheme"),
            ("file:///hidden", "scheme"),
            ("javascript:hidden", "scheme"),
            ("https://hidden@example.com/", "user"),
            ("http://user:hidden@127.0.0.1/", "password"),
            ("https://:hidden@example.com/", "password"),
            ("http://example.com/hidden", "Only https"),
            ("http://192.0.2.1/", "Only https"),
            ("https://10.0.0.1/", "private"),
            ("https://172.16.0.1/", "private"),
            ("https://192.168.1.1/", "private"),
            ("https://169.254.169.254/hidden", "private"),
            ("https://100.64.0.1/", "private"),
            ("https://0.0.0.0/", "private"),
            ("https://255.255.255.255/", "private"),
            ("https://[::]/", "private"),
            ("https://[fe80::1]/", "private"),
            ("https://[fd00::1]/", "private"),
            ("https://[::ffff:10.0.0.1]/", "private"),
            ("https://[64:ff9b::10.0.0.1]/", "private"),
            ("http://localhost.example.com/", "Only https"),
            ("http://notlocalhost/", "Only https"),
            (&format!("https://example.com/{}", "hidden".repeat(400)), "At most 2048"),
        ] {
            let message = Target::check(url).expect_err(url);
            assert!(message.contains(why), "{url}: {message}");
            assert!(!message.contains("hidden"), "{message}");
        }
    }

    async fn resolved(reach: Reach, name: &str) -> Result<Vec<IpAddr>, String> {
        let name = name.parse().expect("a name");
        let found = Resolver(reach).resolve(name).await;
        found.map(|all| all.map(|one| one.ip()).collect()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_public_name_must_not_lead_into_this_network() {
        let error = resolved(Reach::Public, "localhost").await.expect_err("private");
        assert_eq!(error, "its name leads to a private address");
        let found = resolved(Reach::Loopback, "anything.localhost").await.expect("loopback");
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
