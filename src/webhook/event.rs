//! What a delivery tells.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::signature::{is_blank, is_signed, tag};
use crate::api::WebhookEventType;
use crate::error::{Error, ErrorKind};
use crate::{Secret, Timestamp};

/// One delivery of a webhook: what has happened, to what.
///
/// [`verify`](Self::verify) makes one of a delivery's headers and raw body, from any HTTP
/// framework. There is no `Deserialize`, so that no extractor makes one of a body that nobody
/// verified.
///
/// Events of the future are kept, as [`WebhookEventType::Unknown`]. The sources do not describe
/// the body, so every plausible form of it is read, and [`body`](Self::body) has all of it.
///
/// A failed delivery is sent again, and one whose answer was lost too: drop a
/// [`delivery_id`](Self::delivery_id) that you have seen. A signature does not expire, so that
/// guards against whoever recorded a delivery as well.
///
/// ```
/// use orkestr::{WebhookEvent, WebhookEventType};
///
/// # fn main() -> Result<(), orkestr::Error> {
/// # let secret = "whsec_4f1a9c0be27d4c55";
/// // Of an `http::HeaderMap` its reference, of anything else its pairs.
/// let signature = "sha256=a4b2aeb2c79d424584181cf3743f8fb435f06c5885e7c88c5ca54f3f9ee14934";
/// let headers = [("x-orkestr-delivery", "dlv_1"), ("x-orkestr-signature", signature)];
/// let event = WebhookEvent::verify(secret, headers, br#"{"event":"sandbox.created"}"#)?;
/// match event.event_type() {
///     WebhookEventType::SandboxCreated => println!("{:?}", event.sandbox_id()),
///     other => println!("{other}: {}", event.data()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
pub struct WebhookEvent {
    event_type: WebhookEventType,
    delivery_id: Option<String>,
    created_at: Option<Timestamp>,
    sandbox_id: Option<String>,
    volume_id: Option<String>,
    template_id: Option<String>,
    body: Value,
}

impl WebhookEvent {
    /// The header with what has happened.
    pub const EVENT_HEADER: &'static str = "x-orkestr-event";
    /// The header with the delivery's id.
    pub const DELIVERY_HEADER: &'static str = "x-orkestr-delivery";
    /// The header with the signature of the body.
    pub const SIGNATURE_HEADER: &'static str = "x-orkestr-signature";

    /// The event of a delivery that was signed under `secret`.
    ///
    /// `headers` are names, in any case, with values; `body` is the raw bytes as they came. The
    /// signature is compared as by [`verify_webhook_signature`](crate::verify_webhook_signature),
    /// and covers the body alone: where the body says the same as a header, the body counts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSignature`] if the signature is missing, malformed, there twice, or
    /// another: answer 401 and use nothing of it. [`ErrorKind::Decode`] if what was signed is no
    /// JSON object or names no event. [`ErrorKind::InvalidInput`] if the secret is empty.
    pub fn verify<N: AsRef<str>, V: AsRef<[u8]>>(
        secret: impl Into<Secret>,
        headers: impl IntoIterator<Item = (N, V)>,
        body: &[u8],
    ) -> Result<Self, Error> {
        let secret = secret.into();
        if is_blank(secret.expose()) {
            return Err(Error::invalid_input("the webhook's secret is empty"));
        }
        let headers = Headers::of(headers);
        let refused = |message| Err(Error::new(ErrorKind::InvalidSignature, message));
        let tag = match headers.signatures.as_slice() {
            [] => return refused("there is no header X-Orkestr-Signature"),
            [signature] => tag(signature),
            _ => return refused("there is more than one header X-Orkestr-Signature"),
        };
        let Some(tag) = tag else {
            return refused(
                "the header X-Orkestr-Signature is not `sha256=` and 64 lowercase hex digits",
            );
        };
        if !is_signed(&secret, body, &tag) {
            return refused(
                "the body was signed under another secret, or is not the raw body that was signed",
            );
        }
        Self::read(&headers, body)
    }

    /// As [`verify`](Self::verify), of a delivery that **anybody** may have sent: for logs and
    /// tests, never to act upon.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] if the body is no JSON object or names no event.
    pub fn parse_unverified<N: AsRef<str>, V: AsRef<[u8]>>(
        headers: impl IntoIterator<Item = (N, V)>,
        body: &[u8],
    ) -> Result<Self, Error> {
        Self::read(&Headers::of(headers), body)
    }

    fn read(headers: &Headers, body: &[u8]) -> Result<Self, Error> {
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            // serde's own words may quote a value.
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::new(ErrorKind::Decode, format!("the delivery's body is not JSON ({place})"))
        })?;
        let Value::Object(whole) = &body else {
            return Err(Error::new(ErrorKind::Decode, "the delivery's body is no JSON object"));
        };
        let places = Places::of(whole);
        let event_type = places.event_type(headers.event.as_deref()).ok_or_else(|| {
            Error::new(ErrorKind::Decode, "neither the delivery's body nor a header names an event")
        })?;
        let delivery_id = places
            .outer_text(&["delivery_id", "delivery"])
            .or(headers.delivery.as_deref())
            .or_else(|| places.outer_text(&["id", "event_id"]).filter(|id| !names_a_thing(id)));
        Ok(Self {
            event_type,
            delivery_id: delivery_id.map(str::to_owned),
            created_at: places.created_at(),
            sandbox_id: places.id_of("sandbox", "sbx_"),
            volume_id: places.id_of("volume", "vol_"),
            template_id: places.id_of("template", "tmpl_"),
            body,
        })
    }

    /// What has happened.
    pub fn event_type(&self) -> &WebhookEventType {
        &self.event_type
    }

    /// The delivery's id, the same each time that it is sent.
    pub fn delivery_id(&self) -> Option<&str> {
        self.delivery_id.as_deref()
    }

    /// When it happened, if the body says it.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// The sandbox that it happened to, `sbx_...`.
    pub fn sandbox_id(&self) -> Option<&str> {
        self.sandbox_id.as_deref()
    }

    /// The volume that it happened to, `vol_...`.
    pub fn volume_id(&self) -> Option<&str> {
        self.volume_id.as_deref()
    }

    /// The template that it happened to, `tmpl_...`.
    pub fn template_id(&self) -> Option<&str> {
        self.template_id.as_deref()
    }

    /// More about it: the body's `data`, or all of a body that has none.
    pub fn data(&self) -> &Value {
        let data = DATA.iter().find_map(|name| self.body.get(name).filter(|data| data.is_object()));
        data.unwrap_or(&self.body)
    }

    /// The body as it came.
    pub fn body(&self) -> &Value {
        &self.body
    }
}

impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEvent")
            .field("event_type", &self.event_type)
            .field("delivery_id", &self.delivery_id)
            .field("created_at", &self.created_at)
            .field("sandbox_id", &self.sandbox_id)
            .field("volume_id", &self.volume_id)
            .field("template_id", &self.template_id)
            .finish_non_exhaustive()
    }
}

/// The headers that count, of all.
#[derive(Default)]
struct Headers {
    signatures: Vec<Vec<u8>>,
    event: Option<String>,
    delivery: Option<String>,
}

impl Headers {
    fn of<N: AsRef<str>, V: AsRef<[u8]>>(headers: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let (name, value) = (name.as_ref(), value.as_ref());
            let text = || {
                let text = str::from_utf8(value).ok()?.trim();
                (!text.is_empty()).then(|| text.to_owned())
            };
            if name.eq_ignore_ascii_case(WebhookEvent::SIGNATURE_HEADER) {
                found.signatures.push(value.to_vec());
            } else if name.eq_ignore_ascii_case(WebhookEvent::EVENT_HEADER) {
                found.event = text();
            } else if name.eq_ignore_ascii_case(WebhookEvent::DELIVERY_HEADER) {
                found.delivery = text();
            }
        }
        found
    }
}

const DATA: [&str; 3] = ["data", "payload", "object"];

/// An id that is that of something, and none of a delivery.
fn names_a_thing(id: &str) -> bool {
    ["sbx_", "vol_", "tmpl_", "whk_"].iter().any(|prefix| id.starts_with(prefix))
}

/// Where a body may say something of its event: from the outside in.
struct Places<'a> {
    /// The body, and `event` where that is an object.
    outer: Vec<&'a Map<String, Value>>,
    /// What it holds of the thing that the event is about.
    inner: Vec<&'a Map<String, Value>>,
}

impl<'a> Places<'a> {
    fn of(body: &'a Map<String, Value>) -> Self {
        let mut outer = vec![body];
        outer.extend(body.get("event").and_then(Value::as_object));
        let inside = |place: &&'a Map<String, Value>| {
            DATA.iter().filter_map(|name| place.get(*name)?.as_object()).collect::<Vec<_>>()
        };
        let mut inner: Vec<_> = outer.iter().flat_map(inside).collect();
        // {"data": {"object": {...}}}
        let deeper: Vec<_> = inner.iter().flat_map(inside).collect();
        inner.extend(deeper);
        Self { outer, inner }
    }

    fn outer_text(&self, names: &[&str]) -> Option<&'a str> {
        let found = |name: &&str| self.outer.iter().find_map(|place| text(place.get(*name)));
        names.iter().find_map(found)
    }

    /// What looks like one is taken from the body, which is signed; then what the header says.
    fn event_type(&self, header: Option<&str>) -> Option<WebhookEventType> {
        let names = ["event", "event_type", "type"];
        let pairs = names.iter().flat_map(|name| self.outer.iter().map(move |at| at.get(*name)));
        let mut dotted = pairs.filter_map(text).filter(|text| text.contains('.'));
        let found = dotted.next().or(header).or_else(|| self.outer_text(&["event", "type"]));
        found.map(WebhookEventType::from)
    }

    fn created_at(&self) -> Option<Timestamp> {
        let names = ["created_at", "timestamp", "occurred_at", "created", "time"];
        let found = |name: &&str| self.outer.iter().find_map(|place| moment(place.get(*name)?));
        names.iter().find_map(found)
    }

    /// `sandbox_id`, or a `sandbox` or `id` that is one, wherever it stands.
    fn id_of(&self, thing: &str, prefix: &str) -> Option<String> {
        let member = format!("{thing}_id");
        let is_one = |id: &&str| id.starts_with(prefix);
        let found = self.outer.iter().chain(&self.inner).find_map(|place| {
            let nested = || {
                let nested = place.get(thing)?;
                let object = nested.as_object();
                let id = |name: &str| object.and_then(|object| text(object.get(name)));
                text(Some(nested)).filter(is_one).or_else(|| id("id")).or_else(|| id(&member))
            };
            let own = || text(place.get("id")).filter(is_one);
            text(place.get(&member)).or_else(nested).or_else(own)
        });
        found.map(str::to_owned)
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A date, or the seconds or milliseconds since 1970.
fn moment(value: &Value) -> Option<Timestamp> {
    /// 5138-11-16 in seconds, 1973-03-03 in milliseconds.
    const MOST_SECONDS: f64 = 1e11;
    let seconds = match value {
        Value::String(text) => match text.trim().parse() {
            Ok(time) => return Some(time),
            Err(_) => text.trim().parse().ok()?,
        },
        other => other.as_f64()?,
    };
    let seconds = if seconds > MOST_SECONDS { seconds / 1000.0 } else { seconds };
    if !(0.0..=MOST_SECONDS).contains(&seconds) {
        return None;
    }
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
    Some(time.into())
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
