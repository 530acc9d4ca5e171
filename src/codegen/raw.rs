//! progenitor's run over the lowered contract.

use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl, TypePatch};
use quote::quote;
use serde_json::Value;

use super::open_enums::OpenEnum;

/// The text of `generated/client.rs`.
///
/// # Errors
///
/// Whatever progenitor cannot digest, with its own words.
pub(super) fn write(lowered: Value, enums: &[OpenEnum]) -> Result<String, String> {
    let no_traits = || std::iter::empty::<TypeImpl>();
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_hooks(HooksMode::Expected)
        .with_inner_type(quote!(crate::client::CallContext))
        .with_map_type("::std::collections::BTreeMap")
        .with_replacement(super::lower::METADATA_QUERY, "crate::wire::MetadataQuery", no_traits());
    for (kind, format, ours) in [
        ("string", "date-time", "crate::Timestamp"),
        ("string", "byte", "crate::wire::Base64"),
        ("string", "password", "crate::Secret"),
        ("integer", "int64", "crate::wire::Integer"),
    ] {
        let schema = serde_json::json!({"type": kind, "format": format});
        let schema = serde_json::from_value(schema).map_err(|error| error.to_string())?;
        settings.with_conversion(schema, ours, no_traits());
    }
    for item in enums {
        settings.with_replacement(
            &item.name,
            format!("crate::generated::enums::{}", item.name),
            [TypeImpl::Display].into_iter(),
        );
    }
    // With `..Default::default()` a new optional member breaks no literal of these types.
    for name in super::lower::objects_with_required_members(&lowered) {
        let mut patch = TypePatch::default();
        patch.with_derive("Default");
        settings.with_patch(name, &patch);
    }
    let document: openapiv3::OpenAPI = serde_json::from_value(lowered)
        .map_err(|error| format!("the lowered contract is not OpenAPI 3.0: {error}"))?;
    let tokens = Generator::new(&settings)
        .generate_tokens(&document)
        .map_err(|error| format!("progenitor: {error}"))?;
    let file = syn::parse2(tokens).map_err(|error| format!("progenitor's output: {error}"))?;
    Ok(prettyplease::unparse(&file))
}
