//! From `openapi.yaml` to `generated/`: used by `build.rs` under the feature `regenerate`, and
//! compiled into the library's unit tests, never into the library.
//!
//! The contract stays honest for every tool that reads OpenAPI; [`lower`] makes from it the
//! narrower document that progenitor digests, [`open_enums`] writes the enums that progenitor
//! would close.

pub(crate) mod lower;
pub(crate) mod open_enums;

#[cfg(all(feature = "regenerate", not(test)))]
mod raw;

/// The files of `generated/`, as name and text.
#[cfg(all(feature = "regenerate", not(test)))]
pub(crate) fn generate(
    spec: &str,
    fingerprint: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    let spec: serde_json::Value =
        yaml::from_str(spec).map_err(|error| format!("openapi.yaml is not YAML: {error}"))?;
    let enums = open_enums::find(&spec)?;
    let lowered = lower::lower(spec)?;
    let warning = "// Written by `cargo regenerate` from openapi.yaml. Do not edit.\n";
    let header = format!(
        "{warning}// openapi.yaml fnv1a64:{fingerprint}\n\n\
         //! The raw layer, generated from the contract.\n\n\
         #[rustfmt::skip]\npub mod client;\n#[rustfmt::skip]\npub mod enums;\n"
    );
    Ok(vec![
        ("mod.rs", header),
        ("enums.rs", format!("{warning}\n{}", open_enums::write(&enums))),
        ("client.rs", format!("{warning}\n{}", raw::write(lowered, &enums)?)),
    ])
}
