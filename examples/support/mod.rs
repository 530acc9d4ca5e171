//! Where the examples run: on the hosted service if `ORKESTR_API_KEY` is set, else on a local
//! server in this process.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

use std::error::Error;

use orkestr::set_default_client;
use orkestr_local::LocalServer;

/// Keep what this returns: the local server ends with it.
pub(crate) async fn connect() -> Result<Option<LocalServer>, Box<dyn Error>> {
    let has_key = std::env::var("ORKESTR_API_KEY").is_ok_and(|key| !key.trim().is_empty());
    if has_key {
        let client = orkestr::Client::from_env()?;
        println!("ORKESTR_API_KEY is set: running on {}", client.base_url());
        return Ok(None);
    }
    let server = LocalServer::start().await?;
    println!("ORKESTR_API_KEY is not set: running on a local server, {}", server.base_url());
    set_default_client(server.client());
    Ok(Some(server))
}
