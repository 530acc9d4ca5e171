//! Keeps `generated/` true to `openapi.yaml`.
//!
//! Without the feature `regenerate` this only compares the contract's fingerprint with the one
//! that `generated/mod.rs` was written from, so users build neither progenitor nor a YAML parser.
//! With it, the contract is lowered, generated from and formatted, and each file of `generated/`
//! is written only where its bytes differ: a packaged crate must build from a read-only folder.

#[cfg(feature = "regenerate")]
#[path = "src/codegen/mod.rs"]
mod codegen;

use std::path::Path;
use std::{env, fs, process};

const SPEC: &str = "openapi.yaml";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A path that does not exist would make every build of a vendored crate a rebuild.
    if !Path::new(SPEC).exists() {
        return;
    }
    println!("cargo::rerun-if-changed={SPEC}");
    println!("cargo::rerun-if-changed=generated");

    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&root);
    let spec = match fs::read_to_string(root.join(SPEC)) {
        Ok(text) => text.replace('\r', ""),
        Err(error) => fail(&format!("{SPEC} cannot be read: {error}")),
    };
    let fingerprint = fingerprint(&spec);
    if let Err(message) = bring_up_to_date(root, &spec, &fingerprint) {
        fail(&message);
    }
}

#[cfg(feature = "regenerate")]
fn bring_up_to_date(root: &Path, spec: &str, fingerprint: &str) -> Result<(), String> {
    println!("cargo::rerun-if-changed=src/codegen");
    for (name, text) in codegen::generate(spec, fingerprint)? {
        let path = root.join("generated").join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            fs::write(&path, text)
                .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(not(feature = "regenerate"))]
const HEADER: &str = "generated/mod.rs";

#[cfg(not(feature = "regenerate"))]
fn bring_up_to_date(root: &Path, _spec: &str, fingerprint: &str) -> Result<(), String> {
    let header = fs::read_to_string(root.join(HEADER)).unwrap_or_default();
    if header.contains(&format!("{SPEC} fnv1a64:{fingerprint}")) {
        Ok(())
    } else {
        Err(format!(
            "{SPEC} has changed since generated/ was written from it; run `cargo regenerate`"
        ))
    }
}

/// FNV-1a with 64 bits: it detects a change, it protects from nobody.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    process::exit(1)
}
