//! Code in the interpreter of the local server: values, output, exceptions, figures.

mod local_support;

use std::time::Duration;

use futures::TryStreamExt as _;
use local_support::code::{raised, until, with_interpreter};
use local_support::{TestResult, failure, in_time, server};
use orkestr::{CodeEvent, CodeResultType, ErrorKind, Execution, Sandbox, Template};
use orkestr_local::Fault;
use serde_json::json;

#[tokio::test]
async fn variables_stay_and_the_last_expression_is_the_result() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let run = sbx.run_code("x = 40\ndef add(n):\n    return x + n").await?;
    assert_eq!((run.results.len(), run.success(), run.execution_count), (0, true, Some(1)));
    let run = sbx.run_code("import os\nprint(os.environ['GREETING'])\nadd(2)").await?;
    assert_eq!(
        (run.text(), run.stdout.as_str(), run.execution_count),
        (Some("42"), "hello\n", Some(2))
    );
    assert_eq!(run.results[0].kind, CodeResultType::Text);
    let run = sbx.run_code("'a\\u20ac'").await?;
    assert_eq!(run.text(), Some("'a€'"));
    assert!(sbx.run_code("None").await?.results.is_empty());
    assert_eq!(sbx.run_code("").await?.execution_count, Some(5));
    Ok(())
}

#[tokio::test]
async fn values_come_in_their_richest_form() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let run = sbx.run_code("{'a': [1, 2.5, None, True], 'b': {'c': 'é'}}").await?;
    assert_eq!(run.results[0].kind, CodeResultType::Json);
    assert_eq!(run.results[0].json, Some(json!({"a": [1, 2.5, null, true], "b": {"c": "é"}})));
    assert_eq!(run.text(), Some("{'a': [1, 2.5, None, True], 'b': {'c': 'é'}}"));

    let rich = "class Rich:
    def __repr__(self): return 'rich'
    def _repr_html_(self): return '<b>rich</b>'
class Image:
    def _repr_png_(self): return b'\\x89PNG\\r\\n\\x1a\\n' + bytes([1, 2])
class Broken:
    def _repr_html_(self): raise ValueError
    def _repr_png_(self): return b'no png'
    def __repr__(self): return 'broken'
display(Rich(), Image())
display(Broken())
Rich";
    let run = sbx.run_code(rich).await?;
    let kinds: Vec<&str> = run.results.iter().map(|result| result.kind.as_str()).collect();
    assert_eq!(kinds, ["html", "image_png", "text", "text"]);
    assert_eq!(run.results[0].html.as_deref(), Some("<b>rich</b>"));
    assert_eq!(run.results[0].text.as_deref(), Some("rich"));
    assert_eq!(run.pngs().collect::<Vec<_>>(), [b"\x89PNG\r\n\x1a\n\x01\x02"]);
    assert_eq!(run.results[2].text.as_deref(), Some("broken"));

    // What JSON would change is no JSON: keys, numbers, depth, surrogates, cycles.
    for value in [
        "{1: 'a'}",
        "[float('nan')]",
        "[2 ** 70]",
        "[{1, 2}]",
        "['\\ud800']",
        "a = []; a.append(a); a",
        "[eval('[' * 100 + ']' * 100)]",
    ] {
        let run = sbx.run_code(value).await?;
        assert_eq!((run.results[0].kind.as_str(), run.success()), ("text", true), "{value}");
        assert_eq!(run.results[0].json, None, "{value}");
    }
    Ok(())
}

#[tokio::test]
async fn output_of_every_level_is_captured_in_order() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let code = "import os, subprocess, sys
print('a')
os.write(1, b'b\\n')
subprocess.run(['echo', 'c'])
sys.stdout.write('d')
os.write(2, b'e\\n')
subprocess.run('echo f; echo g >&2', shell=True)
print('h', file=sys.stderr)
sys.stdout.buffer.write(b'\\xff\\xe2\\x82')
sys.__stdout__.flush()
os.write(1, b'\\xac')
print('\\ud800')";
    let run = sbx.run_code(code).await?;
    assert_eq!(run.stderr, "e\ng\nh\n");
    assert_eq!(run.error(), None);
    assert_eq!(run.stdout, "a\nb\nc\ndf\n\u{fffd}€\\ud800\n");

    let code = "import sys
for n in range(20):
    print(n, end=' ')
    print(n, file=sys.stderr, end='')
    display(n)
    print('!')";
    let mut stream = sbx.run_code_stream(code).await?;
    let mut seen = String::new();
    while let Some(event) = stream.try_next().await? {
        match event {
            CodeEvent::Stdout(text) => seen += &text,
            CodeEvent::Stderr(text) => seen += &format!("[{text}]"),
            CodeEvent::Result(result) => seen += &format!("({})", result.text.unwrap_or_default()),
            CodeEvent::Done(done) => seen += &format!("{:?}", done.execution_count),
            other => panic!("{other:?}"),
        }
    }
    let expected: String = (0..20).map(|n| format!("{n} [{n}]({n})!\n")).collect();
    assert_eq!(seen, expected + "Some(2)");
    Ok(())
}

#[tokio::test]
async fn output_comes_while_the_code_runs() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let code = "import os, time
print('waiting')
while not os.path.exists('/workspace/go'):
    time.sleep(0.02)
'gone'";
    let mut stream = sbx.run_code_stream(code).await?;
    until(&mut stream, "waiting").await?;
    local_support::go(&sbx).await?;
    let run = in_time(stream.wait()).await?;
    assert_eq!((run.text(), run.success()), (Some("'gone'"), true));
    Ok(())
}

#[tokio::test]
async fn exceptions_are_data_without_the_kernels_own_frames() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let run = sbx.run_code("def fail(n):\n    return 1 / n\n\nprint('before')\nfail(0)").await?;
    let error = raised(&run, "ZeroDivisionError");
    assert_eq!((error.value.as_str(), run.stdout.as_str()), ("division by zero", "before\n"));
    let trace = error.traceback.join("\n");
    assert!(trace.starts_with("Traceback (most recent call last):\n  File \"<cell 1>\", line 5"));
    assert!(trace.contains("line 2, in fail\n    return 1 / n"), "{trace}");
    assert!(trace.ends_with("ZeroDivisionError: division by zero"), "{trace}");

    let run = sbx.run_code("x = 1\nif x\n    x = 2").await?;
    let error = raised(&run, "SyntaxError");
    assert!(error.traceback.join("\n").contains("line 2\n    if x"), "{error:?}");
    assert_eq!(sbx.run_code("x").await?.error().map(|error| &*error.name), Some("NameError"));

    for (code, name, value) in [
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("import sys; sys.exit('bye')", "SystemExit", "bye"),
        ("input('name? ')", "EOFError", "input() has nobody to ask here"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("class E(BaseException): pass\nraise E('own')", "E", "own"),
        ("class F(Exception):\n    def __str__(self): raise E\nraise F", "F", "<the exception"),
        (
            "class G:\n    def __repr__(self): raise ValueError('no repr')\nG()",
            "ValueError",
            "no repr",
        ),
        ("def f(): f()\nf()", "RecursionError", "maximum recursion"),
        ("await 1", "TypeError", "object int"),
        ("yield 1", "SyntaxError", "'yield' outside function"),
        ("'\\0'; \0", "ValueError|SyntaxError", ""),
        (
            "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('k') from e",
            "KeyError",
            "'k'",
        ),
    ] {
        let run = sbx.run_code(code).await?;
        let error = run.error().unwrap_or_else(|| panic!("{code} raises nothing"));
        assert!(name.split('|').any(|name| name == error.name), "{code}: {error:?}");
        assert!(error.value.starts_with(value), "{code}: {error:?}");
        let trace = error.traceback.join("\n");
        assert!(!trace.contains("<kernel>") && !trace.contains("asyncio"), "{code}: {trace}");
        assert!(!trace.is_empty() && error.traceback.len() <= 210, "{code}: {trace}");
        assert!(!run.restarted && !run.interrupted, "{code}");
    }
    // All of them left the interpreter alone.
    assert_eq!(sbx.run_code("fail.__name__").await?.text(), Some("'fail'"));
    Ok(())
}

#[tokio::test]
async fn await_works_at_the_top_and_tasks_live_on() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let code = "import asyncio
async def later(value):
    await asyncio.sleep(0)
    return value
first = await later(20)
await later(first + 1)";
    assert_eq!(sbx.run_code(code).await?.text(), Some("21"));
    let run =
        sbx.run_code("task = asyncio.get_running_loop().create_task(later(7))\nawait later(0)");
    assert_eq!(run.await?.text(), Some("0"));
    assert_eq!(sbx.run_code("await task").await?.text(), Some("7"));
    let run = sbx.run_code("asyncio.run(later(3))").await?;
    assert_eq!(run.text(), Some("3"));
    let run = sbx.run_code("async def fail():\n    raise ValueError('deep')\nawait fail()").await?;
    let trace = raised(&run, "ValueError").traceback.join("\n");
    assert!(trace.contains("in fail") && !trace.contains("base_events"), "{trace}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() -> TestResult {
    let (server, sbx) = with_interpreter!();
    failure(sbx.run_code("1").context("ctx_none").await, ErrorKind::NotFound);
    let error = failure(sbx.run_code("1").language("ruby").await, ErrorKind::Api);
    assert_eq!(error.status(), Some(422));
    assert!(error.message().contains("language: 'ruby' is no language"), "{error}");
    let error = failure(sbx.run_code("1").timeout(Duration::from_secs(4000)).await, ErrorKind::Api);
    assert!(error.message().contains("timeout_seconds"), "{error}");
    let error = failure(sbx.create_code_context().cwd("data").await, ErrorKind::Api);
    assert_eq!(error.status(), Some(422));
    let error = failure(sbx.create_code_context().cwd("/none").await, ErrorKind::Api);
    assert_eq!(error.code(), Some("bad_cwd"), "{error}");

    let plain = Sandbox::create("python-3.12").client(&server.client()).await?;
    failure(plain.run_code("1").await, ErrorKind::InterpreterUnavailable);
    failure(plain.run_code_stream("1").await, ErrorKind::InterpreterUnavailable);
    failure(plain.create_code_context().await, ErrorKind::InterpreterUnavailable);
    let error = failure(plain.code_contexts().await, ErrorKind::InterpreterUnavailable);
    assert!(error.message().contains("python-3.12"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_machine_without_python_says_so() -> TestResult {
    let server = server().await;
    let create = Sandbox::create(Template::CodeInterpreter).client(&server.client());
    let sbx = create.env("PATH", "/nowhere").await?;
    for _ in 0..2 {
        let error = failure(sbx.run_code("1").await, ErrorKind::InterpreterUnavailable);
        assert!(error.message().contains("no python3"), "{error}");
        assert_eq!(error.status(), Some(409));
    }
    failure(sbx.run_code_stream("1").await, ErrorKind::InterpreterUnavailable);
    failure(sbx.create_code_context().await, ErrorKind::InterpreterUnavailable);
    // One that is no Python says why.
    let files = sbx.files();
    let broken = Sandbox::create(Template::CodeInterpreter).client(&server.client());
    let broken = broken.env("PATH", "/workspace").await?;
    drop(files);
    broken.files().write("/workspace/python3", "#!/bin/sh\necho 'too old' >&2\nexit 1\n").await?;
    broken.exec("/bin/chmod +x /workspace/python3").await?;
    let error = failure(broken.run_code("1").await, ErrorKind::InterpreterUnavailable);
    assert!(error.message().ends_with("too old"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_named() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let run = sbx.run_code("import sys\nfor _ in range(20): print('é' * (1 << 19))\n'end'").await?;
    assert_eq!((run.truncated.as_slice(), run.text()), (&["stdout".to_owned()][..], Some("'end'")));
    assert!((7 << 20..=8 << 20).contains(&run.stdout.len()), "{}", run.stdout.len());
    let run = sbx.run_code("'x' * (3 << 20)").await?;
    assert_eq!(run.truncated, ["results"]);
    assert!(run.text().is_some_and(|text| text.len() < 2 << 20));
    let run = sbx.run_code("for n in range(2000): display(n)").await?;
    assert_eq!((run.results.len(), run.truncated.as_slice()), (1000, &["results".to_owned()][..]));
    assert!(sbx.run_code("1").await?.truncated.is_empty());
    Ok(())
}

#[tokio::test]
async fn threads_children_and_forks_do_not_disturb() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let code = "import os, sys
pid = os.fork()
if pid:
    _, status = os.waitpid(pid, 0)
print('child' if pid == 0 else 'parent')
display('from the child' if pid == 0 else status)";
    let run = sbx.run_code(code).await?;
    assert_eq!((run.stdout.as_str(), run.results.len()), ("child\nparent\n", 1));
    assert_eq!(run.text(), Some("0"));
    let code = "import multiprocessing
with multiprocessing.get_context('fork').Pool(2) as pool:
    squares = pool.map(abs, [-1, 2, -3])
squares";
    assert_eq!(sbx.run_code(code).await?.text(), Some("[1, 2, 3]"));

    // What a thread writes between two runs comes with the next.
    let code = "import threading, os, time
def later():
    while not os.path.exists('/workspace/go'):
        time.sleep(0.02)
    print('from a thread ' * 10000)
    open('/workspace/written', 'w').close()
threading.Thread(target=later).start()";
    assert_eq!(sbx.run_code(code).await?.stdout, "");
    local_support::go(&sbx).await?;
    local_support::eventually("the thread has written", async || {
        sbx.files().exists("/workspace/written").await.expect("an answer")
    })
    .await;
    let run = sbx.run_code("print('next')").await?;
    assert!(run.stdout.starts_with("from a thread") && run.stdout.ends_with("next\n"));
    Ok(())
}

#[tokio::test]
async fn a_users_modules_are_found_and_the_kernels_are_not_replaced() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let files = sbx.files();
    files.write("/workspace/mine.py", "VALUE = 7").await?;
    for name in ["json", "ast", "traceback", "base64", "linecache"] {
        files.write(format!("/workspace/{name}.py"), "raise RuntimeError('taken')").await?;
    }
    assert_eq!(sbx.run_code("import mine\n[mine.VALUE]").await?.text(), Some("[7]"));
    raised(&sbx.run_code("1 / 0").await?, "ZeroDivisionError");
    let code = "class Own:\n    pass\ndef own(): pass\nimport inspect, pickle
assert pickle.loads(pickle.dumps(Own())).__class__ is Own
[__name__, inspect.getsource(own)]";
    let run = sbx.run_code(code).await?;
    assert_eq!(run.text(), Some("['__main__', 'def own(): pass\\n']"), "{run:?}");
    let run = sbx.run_code("import os\nos.environ.get('PYTHONSAFEPATH')").await?;
    assert!(run.results.is_empty(), "{run:?}");
    // Nothing of the kernel lies between the user's files.
    let listed = sbx.exec("ls -A /workspace | grep -v '[.]py$'").await?;
    assert_eq!(listed.stdout, "__pycache__\n");
    Ok(())
}

#[tokio::test]
async fn a_newer_server_and_a_bad_network_change_nothing_or_are_errors() -> TestResult {
    let (server, sbx) = with_interpreter!();
    let fault = |fault: Fault| server.fault(fault.on("run_code")).expect("a fault");
    let code = "import sys\nprint('ö' * 3)\nprint('e', file=sys.stderr)\n{'a': 1}";
    for strange in [
        Fault::split(1).and(Fault::crlf()).and(Fault::comments()),
        Fault::unknown_kinds().and(Fault::unknown_fields()),
    ] {
        fault(strange);
        let run = sbx.run_code_stream(code).await?.wait().await?;
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("ööö\n", "e\n"));
        assert_eq!((run.results[0].json.as_ref(), run.success()), (Some(&json!({"a": 1})), true));
    }
    fault(Fault::unknown_fields());
    let run = sbx.run_code(code).await?;
    assert_eq!(run.results[0].json, Some(json!({"a": 1})));
    // Sent once, whatever becomes of the answer.
    sbx.run_code("count = 0").await?;
    for streams in [false, true] {
        fault(Fault::cut_after(20));
        let run = if streams {
            match sbx.run_code_stream("count += 1\nprint('x' * 100)").await {
                Ok(stream) => stream.wait().await,
                Err(error) => Err(error),
            }
        } else {
            sbx.run_code("count += 1\n'x' * 100").await
        };
        assert!(run.expect_err("cut").is_connection());
    }
    local_support::eventually("both have run", async || {
        sbx.run_code("count").await.expect("run").text() == Some("2")
    })
    .await;
    Ok(())
}

/// As much of matplotlib as the interpreter asks for.
const FIGURES: &str = "
class Figure:
    def __init__(self, number): self.number = number
    def __repr__(self): return f'<Figure {self.number}>'
    def savefig(self, file, format=None, **_):
        assert format == 'png'
        file.write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes([self.number]))
";
const PYPLOT: &str = "
import os
from matplotlib.figure import Figure
backend = os.environ['MPLBACKEND']
figures = {}
def figure(number=None):
    if number is None: number = max(figures, default=0) + 1
    return figures.setdefault(number, Figure(number))
def get_fignums(): return sorted(figures)
def close(which):
    if which == 'all': figures.clear()
    else: figures.pop(which.number, None)
def show(): raise RuntimeError('there is no window')
";

#[tokio::test]
async fn open_figures_become_images() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let files = sbx.files();
    files.mkdir("/workspace/matplotlib").await?;
    files.write("/workspace/matplotlib/__init__.py", "").await?;
    files.write("/workspace/matplotlib/figure.py", FIGURES).await?;
    files.write("/workspace/matplotlib/pyplot.py", PYPLOT).await?;
    let shown = |run: &Execution| {
        let results = run.results.iter();
        let last = |png: &Vec<u8>| png.last().map(u8::to_string).unwrap_or_default();
        let shown = results.map(|result| result.png.as_ref().map(last).or(result.text.clone()));
        shown.map(Option::unwrap_or_default).collect::<Vec<_>>().join(" ")
    };
    let code = "import matplotlib.pyplot as plt
plt.figure(1); plt.figure(2)
plt.show()
print('shown')
plt.figure(3)
[plt.backend, plt.get_fignums()]";
    let run = sbx.run_code(code).await?;
    assert_eq!((shown(&run).as_str(), run.error()), ("1 2 ['Agg', [3]] 3", None));
    assert_eq!(run.results[0].kind, CodeResultType::ImagePng);
    assert_eq!(run.results[0].text.as_deref(), Some("<Figure 1>"));
    // Closed once they were shown; a figure that is the value is shown once.
    assert_eq!(shown(&sbx.run_code("plt.get_fignums()").await?), "[]");
    assert_eq!(shown(&sbx.run_code("plt.figure(4)").await?), "4");
    // What was drawn before an exception is not lost, and does not come later.
    let run = sbx.run_code("plt.figure(5)\n1 / 0").await?;
    assert_eq!(shown(&run), "5");
    raised(&run, "ZeroDivisionError");
    let run = sbx.run_code("plt.figure(6).savefig = None").await?;
    raised(&run, "TypeError");
    assert_eq!(shown(&sbx.run_code("1").await?), "1");
    Ok(())
}
