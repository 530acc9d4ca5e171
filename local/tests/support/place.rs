//! A data directory for volumes.

use std::path::{Path, PathBuf};

use orkestr::{Client, CreateSandbox, Sandbox};
use orkestr_local::LocalServer;

/// A directory that goes with the test.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("volumes-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn arguments(&self) -> [&str; 2] {
        ["--data-dir", self.0.to_str().expect("text")]
    }

    pub async fn server(&self) -> LocalServer {
        LocalServer::builder().data_dir(&self.0).start().await.expect("a server")
    }

    /// What the server keeps for volumes.
    pub fn kept(&self) -> Vec<PathBuf> {
        let volumes = self.0.join("volumes");
        let entries = volumes.read_dir().expect("it is there");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A sandbox with a volume.
pub fn with(client: &Client, volume: &str) -> CreateSandbox {
    Sandbox::create("debian-12").client(client).volume(volume)
}
