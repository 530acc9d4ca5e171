//! The entry before `main` that turns a re-executed program into an agent.

use super::stage;

/// Set by [`super::launch`] for the program that it starts again, and by nobody else.
pub(super) const VARIABLE: &str = "ORKESTR_LOCAL_AGENT";

/// The C runtime calls what this section lists before `main`. Any program that links this crate can so be its own agent:
/// the server's binary, a test, an example.
#[used]
// SAFETY: the section holds pointers to functions of this type; `enter` relies on nothing that main would set up.
#[unsafe(link_section = ".init_array")]
static ENTRY: extern "C" fn() = enter;

extern "C" fn enter() {
    if std::env::var_os(VARIABLE).is_some() {
        stage::run();
    }
}

/// Called where a sandbox is started, so that the linker cannot leave the entry out.
pub(super) fn keep() {
    std::hint::black_box(&ENTRY);
}
