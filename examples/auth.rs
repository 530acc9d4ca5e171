//! The three places for an API key, in the order in which they are looked at.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;

use orkestr::{Client, Sandbox, default_client, set_default_client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = support::connect().await?;

    // 1. The call's own key, here a wrong one.
    let error = Sandbox::list().api_key("ork_wrong").await.expect_err("a wrong key");
    println!("per call: {error}");

    // 2. The default client, for the whole process.
    println!("default client: {:?}", default_client());
    println!("{} sandboxes", Sandbox::list().await?.len());

    // A client for some calls only.
    let client = match &server {
        Some(server) => Client::builder()
            .base_url(server.base_url())
            .api_key(server.api_key().clone())
            .build()?,
        None => Client::from_env()?,
    };
    println!("explicit client: {} sandboxes", Sandbox::list().client(&client).await?.len());

    // 3. ORKESTR_API_KEY. Without it, nothing is sent, and the error says where a key can go.
    set_default_client(None);
    match Sandbox::list().await {
        Ok(sandboxes) => println!("environment: {} sandboxes", sandboxes.len()),
        Err(error) if error.is_auth() => println!("environment: {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
