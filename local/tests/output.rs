//! Everything that a command wrote arrives, however soon it ends.

use orkestr::Sandbox;
use orkestr_local::LocalServer;

#[tokio::test(flavor = "multi_thread")]
async fn no_output_of_a_short_command_is_lost() {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    let tasks = (0..8).map(|task| {
        let client = client.clone();
        tokio::spawn(async move {
            let sbx = Sandbox::create("debian-12").client(&client).await.expect("a sandbox");
            for round in 0..40 {
                let text = format!("{task} {round}\n");
                let script = format!("echo {task} {round} | tee /dev/stderr");
                let out = sbx.exec(&script).await.expect("it runs");
                assert_eq!((&out.stdout, &out.stderr), (&text, &text));
                let stream = sbx.exec_stream(&script).await.expect("a stream");
                let out = stream.wait_with_output().await.expect("it runs").into_result();
                assert_eq!((&out.stdout, &out.stderr), (&text, &text));
            }
        })
    });
    for task in futures::future::join_all(tasks).await {
        task.expect("no panic");
    }
}

/// A pipe's worth is there when the command ends, although a child holds the pipe open.
#[tokio::test]
async fn what_is_in_the_pipes_at_the_end_arrives() {
    let server = LocalServer::start().await.expect("a server");
    let create = Sandbox::create("debian-12").client(&server.client());
    let sbx = create.await.expect("a sandbox");
    for _ in 0..20 {
        let script = "head -c 65536 /dev/zero | tr '\\0' x; sleep 60 & head -c 65536 /dev/zero | tr '\\0' x >&2";
        let out = sbx.exec(script).await.expect("it runs");
        assert_eq!((out.stdout.len(), out.stderr.len()), (65536, 65536));
    }
}
