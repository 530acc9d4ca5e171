//! The operations of the API by their names in the contract.

/// Name, method and path of every operation.
pub(super) const OPERATIONS: &[(&str, &str, &str)] = &[
    ("create_sandbox", "POST", "/v1/sandboxes"),
    ("list_sandboxes", "GET", "/v1/sandboxes"),
    ("get_limits", "GET", "/v1/sandboxes/limits"),
    ("get_sandbox", "GET", "/v1/sandboxes/{sandbox_id}"),
    ("terminate_sandbox", "DELETE", "/v1/sandboxes/{sandbox_id}"),
    ("pause_sandbox", "POST", "/v1/sandboxes/{sandbox_id}/pause"),
    ("resume_sandbox", "POST", "/v1/sandboxes/{sandbox_id}/resume"),
    ("set_sandbox_timeout", "POST", "/v1/sandboxes/{sandbox_id}/timeout"),
    ("get_metrics", "GET", "/v1/sandboxes/{sandbox_id}/metrics"),
    ("get_host", "GET", "/v1/sandboxes/{sandbox_id}/host"),
    ("exec_command", "POST", "/v1/sandboxes/{sandbox_id}/exec"),
    ("start_command", "POST", "/v1/sandboxes/{sandbox_id}/commands"),
    ("list_commands", "GET", "/v1/sandboxes/{sandbox_id}/commands"),
    ("get_command", "GET", "/v1/sandboxes/{sandbox_id}/commands/{command_id}"),
    ("kill_command", "DELETE", "/v1/sandboxes/{sandbox_id}/commands/{command_id}"),
    ("get_command_logs", "GET", "/v1/sandboxes/{sandbox_id}/commands/{command_id}/logs"),
    ("write_file", "POST", "/v1/sandboxes/{sandbox_id}/files"),
    ("read_path", "GET", "/v1/sandboxes/{sandbox_id}/files"),
    ("delete_file", "DELETE", "/v1/sandboxes/{sandbox_id}/files"),
    ("make_directory", "POST", "/v1/sandboxes/{sandbox_id}/files/mkdir"),
    ("move_path", "POST", "/v1/sandboxes/{sandbox_id}/files/move"),
    ("stat_path", "GET", "/v1/sandboxes/{sandbox_id}/files/stat"),
    ("write_batch", "POST", "/v1/sandboxes/{sandbox_id}/files/batch"),
    ("presign_download", "POST", "/v1/sandboxes/{sandbox_id}/files/presign-download"),
    ("presign_upload", "POST", "/v1/sandboxes/{sandbox_id}/files/presign-upload"),
    ("run_code", "POST", "/v1/sandboxes/{sandbox_id}/code"),
    ("create_context", "POST", "/v1/sandboxes/{sandbox_id}/code/contexts"),
    ("list_contexts", "GET", "/v1/sandboxes/{sandbox_id}/code/contexts"),
    ("restart_context", "POST", "/v1/sandboxes/{sandbox_id}/code/contexts/{context_id}/restart"),
    ("delete_context", "DELETE", "/v1/sandboxes/{sandbox_id}/code/contexts/{context_id}"),
    ("create_snapshot", "POST", "/v1/sandboxes/{sandbox_id}/snapshots"),
    ("list_snapshots", "GET", "/v1/sandboxes/snapshots"),
    ("get_snapshot", "GET", "/v1/sandboxes/snapshots/{snapshot_id}"),
    ("delete_snapshot", "DELETE", "/v1/sandboxes/snapshots/{snapshot_id}"),
    ("create_volume", "POST", "/v1/sandboxes/volumes"),
    ("list_volumes", "GET", "/v1/sandboxes/volumes"),
    ("update_volume", "PATCH", "/v1/sandboxes/volumes/{volume_id}"),
    ("delete_volume", "DELETE", "/v1/sandboxes/volumes/{volume_id}"),
    ("move_volume", "POST", "/v1/sandboxes/volumes/{volume_id}/move"),
    ("create_webhook", "POST", "/v1/sandboxes/webhooks"),
    ("list_webhooks", "GET", "/v1/sandboxes/webhooks"),
    ("enable_webhook", "POST", "/v1/sandboxes/webhooks/{webhook_id}/enable"),
    ("delete_webhook", "DELETE", "/v1/sandboxes/webhooks/{webhook_id}"),
];

#[cfg(test)]
mod tests {
    use super::OPERATIONS;

    /// Only in the repository: the package goes without the contract.
    #[test]
    fn they_are_those_of_the_contract() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let contract: yaml::Value = yaml::from_str(&text).expect("YAML");
        let mut found = Vec::new();
        for (path, item) in contract["paths"].as_mapping().expect("paths") {
            for (method, operation) in item.as_mapping().expect("a path's operations") {
                if let Some(name) = operation["operationId"].as_str() {
                    let method = method.as_str().expect("a method").to_uppercase();
                    found.push((
                        name.to_owned(),
                        method,
                        path.as_str().expect("a path").to_owned(),
                    ));
                }
            }
        }
        let known = OPERATIONS.iter().map(|(name, method, path)| {
            ((*name).to_owned(), (*method).to_owned(), (*path).to_owned())
        });
        let mut known: Vec<_> = known.collect();
        known.sort();
        found.sort();
        assert_eq!(known, found);
    }
}
