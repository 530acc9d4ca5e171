//! Which hosts a sandbox may reach.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What `restricted` reaches where the caller names nothing. The hosted service has a list of its
/// own, which `GET /v1/sandboxes/limits` tells.
pub(crate) const DEFAULT_DOMAINS: [&str; 2] = ["github.com", "githubusercontent.com"];

const PORTS: [u16; 2] = [443, 80];

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    domains: Vec<String>,
    /// Hosts that a test serves itself.
    upstreams: BTreeMap<String, SocketAddr>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// By the policy, for this reason.
    Blocked(String),
    /// By the network.
    Unreachable(String),
}

impl Policy {
    pub(crate) fn new(
        domains: Option<&[String]>,
        upstreams: &BTreeMap<String, SocketAddr>,
    ) -> Self {
        let domains = match domains {
            Some(domains) => domains.iter().map(|domain| plain(domain)).collect(),
            None => DEFAULT_DOMAINS.map(str::to_owned).to_vec(),
        };
        Self { domains, upstreams: upstreams.clone() }
    }

    /// The addresses to try for a host and port that are allowed.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        let host = plain(host);
        self.check(&host, port)?;
        if let Some(upstream) = self.upstreams.get(&host) {
            return Ok(vec![*upstream]);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let unknown = |error: io::Error| Refusal::Unreachable(format!("{host}: {error}"));
        let found: Vec<_> = tokio::net::lookup_host((bare, port)).await.map_err(unknown)?.collect();
        // Whoever controls an allowed name decides where it leads, but not into this network.
        let public: Vec<_> =
            found.iter().copied().filter(|address| is_public(address.ip())).collect();
        if public.is_empty() && !found.is_empty() {
            let reason = format!("{host} is blocked by the network policy: its address is private");
            return Err(Refusal::Blocked(reason));
        }
        Ok(public)
    }

    fn check(&self, host: &str, port: u16) -> Result<(), Refusal> {
        let allowed = |domain: &String| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if !self.domains.iter().any(allowed) {
            return Err(Refusal::Blocked(format!("{host} is blocked by the network policy")));
        }
        if !PORTS.contains(&port) {
            let reason = format!(
                "{host}:{port} is blocked by the network policy: only the ports 443 and 80 are open"
            );
            return Err(Refusal::Blocked(reason));
        }
        Ok(())
    }
}

/// One entry of `allow_domains`, or what is wrong with it.
pub(crate) fn check_domain(domain: &str) -> Result<(), String> {
    let host = plain(domain);
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    if host.len() <= 253 && host.split('.').all(label) {
        Ok(())
    } else {
        Err(format!(
            "'{domain}' is no domain; write it like 'example.com', without scheme, port and path"
        ))
    }
}

/// Subdomains are always included, with or without the star that asks for them.
fn plain(domain: &str) -> String {
    let domain = domain.strip_prefix("*.").unwrap_or(domain);
    domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase()
}

/// Whether an address is one of the internet, and none of this machine or its network.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        // Shared by carriers, protocol assignments, benchmarks.
        || (a == 100 && b & 0xc0 == 64)
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && b & 0xfe == 18))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // The v4 address that a mapped, NAT64 or 6to4 one stands for.
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        [0x2002, high, low, ..] => v4(high, low),
        // Only 2000::/3 is given out to the world.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(domains: &[&str]) -> Policy {
        let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        Policy::new(Some(&domains), &BTreeMap::new())
    }

    #[test]
    fn a_domain_includes_its_subdomains_and_nothing_else() {
        let policy = policy(&["example.com", "*.Example.ORG.", "127.0.0.1"]);
        let is_allowed = |host: &str, port| policy.check(&plain(host), port).is_ok();
        for host in
            ["example.com", "EXAMPLE.com.", "a.b.example.com", "example.org", "x.example.org"]
        {
            assert!(is_allowed(host, 443) && is_allowed(host, 80), "{host}");
            assert!(!is_allowed(host, 22) && !is_allowed(host, 8443), "{host}");
        }
        for host in ["notexample.com", "example.com.evil.net", "com", "", ".", "example.net"] {
            assert!(!is_allowed(host, 443), "{host}");
        }
        assert!(self::policy(&[]).check("example.com", 443).is_err());
        assert!(Policy::new(None, &BTreeMap::new()).check(DEFAULT_DOMAINS[0], 443).is_ok());
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for domain in ["example.com", "*.example.com", "localhost", "x_1.example", "127.0.0.1"] {
            assert_eq!(check_domain(domain), Ok(()), "{domain}");
        }
        for domain in [
            "",
            ".",
            "*",
            "https://example.com",
            "example.com:443",
            "example.com/x",
            "a b",
            "a..b",
            "a.*.b",
        ] {
            assert!(check_domain(domain).is_err(), "{domain}");
        }
    }

    #[test]
    fn private_addresses() {
        let is_public = |text: &str| is_public(text.parse().expect("an address"));
        for address in ["1.1.1.1", "93.184.216.34", "100.128.0.1", "2606:4700::1", "198.20.0.1"] {
            assert!(is_public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
        ] {
            assert!(!is_public(address), "{address}");
        }
    }

    #[tokio::test]
    async fn an_allowed_name_does_not_lead_into_this_network() {
        let policy = policy(&["localhost", "127.0.0.1"]);
        for host in ["localhost", "127.0.0.1"] {
            let refusal = policy.resolve(host, 443).await;
            assert!(
                matches!(&refusal, Err(Refusal::Blocked(why)) if why.contains("private")),
                "{refusal:?}"
            );
        }
    }
}
