//! A value that code showed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::api::{Base64, CodeResultType, types};

/// A value that code showed: that of its last expression, one given to `display`, a figure.
/// `CodeResult` in the contract.
///
/// [`kind`](Self::kind) names the form that says most. A server may give the same value in other
/// forms beside it, such as the text of an image, and each is here.
///
/// ```no_run
/// use orkestr::CodeResultType;
///
/// # async fn run(sbx: orkestr::Sandbox) -> Result<(), Box<dyn std::error::Error>> {
/// for result in sbx.run_code("{'a': [1, 2]}").await?.results {
///     match (&result.kind, &result.png, &result.json) {
///         (CodeResultType::ImagePng, Some(png), _) => std::fs::write("figure.png", png)?,
///         (CodeResultType::Json, _, Some(json)) => println!("{}", json["a"][0]),
///         _ => println!("{}", result.text.unwrap_or_default()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CodeResult {
    /// The form that says most. A kind of the future is kept, with its members in
    /// [`extra`](Self::extra).
    #[serde(rename = "type")]
    pub kind: CodeResultType,
    /// It as text, such as Python's `repr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// It as HTML. Code in the sandbox wrote it: show it only where scripts cannot act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// It as the bytes of a PNG image. Serialised as base64.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_base64")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<String>"))]
    pub png: Option<Vec<u8>>,
    /// It as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The data of a chart, as the server writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<Value>,
    /// What else the server said of it.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl From<types::CodeResult> for CodeResult {
    fn from(wire: types::CodeResult) -> Self {
        Self {
            kind: wire.type_,
            text: wire.text,
            html: wire.html,
            png: wire.png.map(|png| png.0),
            json: wire.json,
            chart: wire.chart,
            extra: wire.extra.into_iter().collect(),
        }
    }
}

/// Of an image its length.
impl fmt::Debug for CodeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CodeResult");
        shown.field("kind", &self.kind);
        let png = self.png.as_ref().map(|png| format!("{} bytes", png.len()));
        let members: [(&str, Option<&dyn fmt::Debug>); 5] = [
            ("text", self.text.as_ref().map(|text| text as _)),
            ("html", self.html.as_ref().map(|html| html as _)),
            ("png", png.as_ref().map(|png| png as _)),
            ("json", self.json.as_ref().map(|json| json as _)),
            ("chart", self.chart.as_ref().map(|chart| chart as _)),
        ];
        for (name, value) in members.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            shown.field(name, value);
        }
        if !self.extra.is_empty() {
            shown.field("extra", &self.extra);
        }
        shown.finish()
    }
}

fn as_base64<S: Serializer>(png: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    png.clone().map(Base64::from).serialize(serializer)
}
