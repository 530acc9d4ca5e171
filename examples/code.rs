//! The code interpreter: variables that stay, values, figures and exceptions as data.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use futures::TryStreamExt;
use orkestr::{CodeEvent, ErrorKind, Sandbox, Template};

const FIGURE: &str = "
import matplotlib.pyplot as plt
plt.plot([1, 4, 9, 16])
plt.title('squares')
plt.show()
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create(Template::CodeInterpreter).await?.terminate_on_drop();

    println!("# Variables stay, and the last expression is the result");
    match sbx.run_code("rows = [{'name': 'ada', 'age': 36}]").await {
        Err(error) if error.kind() == ErrorKind::InterpreterUnavailable => {
            println!("{error}");
            return Ok(());
        }
        run => drop(run?),
    }
    let run = sbx.run_code("print('counting')\n{'rows': len(rows)}").await?;
    let json = run.results.first().and_then(|result| result.json.as_ref());
    println!("{:?} {:?} {json:?}", run.stdout, run.text());

    println!("# An exception is data: show it to the model that wrote the code");
    let run = sbx.run_code("rows[0]['email']").await?;
    if let Some(error) = run.error() {
        println!("{error}\n{}", error.traceback.join("\n"));
    }

    println!("# Figures are images, where the sandbox has matplotlib");
    let run = sbx.run_code(FIGURE).await?;
    match (run.pngs().next(), run.error()) {
        (Some(png), _) => println!("a PNG of {} bytes", png.len()),
        (None, error) => println!("none: {error:?}"),
    }

    println!("# Output as it comes");
    let code = "import time\nfor n in range(3):\n    print(n)\n    time.sleep(0.1)\n'done'";
    let mut events = sbx.run_code_stream(code).await?;
    while let Some(event) = events.try_next().await? {
        match event {
            CodeEvent::Stdout(text) => print!("{text}"),
            CodeEvent::Result(result) => println!("{}", result.text.unwrap_or_default()),
            CodeEvent::Done(done) => println!("run {:?}", done.execution_count),
            other => println!("{other:?}"),
        }
    }

    println!("# A run that is too long is interrupted, and what it has found stays");
    let code = "found = 0\nwhile True:\n    found += 1";
    let run = sbx.run_code(code).timeout(Duration::from_secs(1)).await?;
    println!("interrupted: {}", run.interrupted);
    println!("found something: {:?}", sbx.run_code("found > 0").await?.text());

    println!("# A context has variables of its own");
    let context = sbx.create_code_context().cwd("/tmp").await?;
    let run = context.run_code("import os\n[os.getcwd(), 'rows' in globals()]").await?;
    println!("{:?}", run.text());
    for context in sbx.code_contexts().await? {
        println!("{} in {:?}: {:?} runs", context.id(), context.cwd(), context.executions());
    }
    context.delete().await?;

    sbx.terminate().await?;
    Ok(())
}
