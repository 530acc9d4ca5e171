//! What the log keeps, and whom it waits for.

use super::*;

async fn append(log: &Log, output: &Output) {
    log.append(output);
    log.room().await;
}

fn read(log: &Log, mut offset: u64) -> (Vec<u8>, Vec<bool>) {
    let (mut all, mut streams) = (Vec::new(), Vec::new());
    while let Found::Output(output) = log.at(offset) {
        let (is_stdout, bytes) = match output {
            Output::Stdout(bytes) => (true, bytes),
            Output::Stderr(bytes) => (false, bytes),
        };
        offset += bytes.len() as u64;
        all.extend(bytes);
        streams.push(is_stdout);
    }
    (all, streams)
}

#[tokio::test]
async fn every_offset_gives_the_rest_in_the_order_of_writing() {
    let log = Log::new(1 << 20);
    let mut whole = Vec::new();
    for n in 0..200_usize {
        let bytes: Vec<u8> = (0..n * 7).map(|at| (at * n) as u8).collect();
        whole.extend_from_slice(&bytes);
        append(&log, &if n % 3 == 0 { Output::Stderr(bytes) } else { Output::Stdout(bytes) }).await;
    }
    for offset in (0..=whole.len()).step_by(997).chain([whole.len()]) {
        assert_eq!(read(&log, offset as u64).0, whole[offset..]);
        let page = log.page(offset as u64, usize::MAX).expect("it is kept");
        assert_eq!(page, (whole[offset..].to_vec(), false, whole.len() as u64));
    }
    assert!(matches!(log.at(whole.len() as u64), Found::NotYet));
    log.close();
    assert!(matches!(log.at(whole.len() as u64), Found::End));
    assert!(matches!(log.at(u64::MAX), Found::End));
}

#[tokio::test]
async fn pieces_of_one_stream_grow_together_and_the_streams_stay_apart() {
    let log = Log::new(1 << 20);
    for text in ["a", "b"] {
        append(&log, &Output::Stdout(text.into())).await;
    }
    append(&log, &Output::Stderr(b"c".to_vec())).await;
    append(&log, &Output::Stdout(b"d".to_vec())).await;
    assert_eq!(read(&log, 0), (b"abcd".to_vec(), vec![true, false, true]));
    assert_eq!(read(&log, 1), (b"bcd".to_vec(), vec![true, false, true]));
}

#[tokio::test]
async fn only_the_newest_is_kept_and_what_is_gone_is_said() {
    let log = Log::new(200_000);
    for n in 0..1000_u32 {
        append(&log, &Output::Stdout(vec![n as u8; 1000])).await;
    }
    let Found::Gone { start } = log.at(0) else { panic!("the beginning is still there") };
    assert!(log.cost() <= 200_000);
    let (rest, _) = read(&log, start);
    assert_eq!(rest.len() as u64, 1_000_000 - start);
    assert!(rest.len() > 100_000, "{}", rest.len());
    let at = start as usize;
    assert_eq!(rest[0], (at / 1000) as u8);
    assert_eq!(log.page(start, usize::MAX), Ok((rest, false, 1_000_000)));
    assert_eq!(log.page(0, usize::MAX), Err(start));
}

#[tokio::test]
async fn pages_end_between_characters() {
    let log = Log::new(1 << 20);
    let text = "aé€😀".repeat(50);
    append(&log, &Output::Stdout(text.clone().into())).await;
    for most in 4..12 {
        let (mut read, mut more) = (String::new(), true);
        while more {
            let (bytes, rest, size) = log.page(read.len() as u64, most).expect("it is kept");
            read.push_str(&String::from_utf8(bytes).expect("whole characters"));
            more = rest;
            assert_eq!(size, text.len() as u64);
        }
        assert_eq!(read, text);
    }
    // What is no text at all is not left out.
    let log = Log::new(1 << 20);
    append(&log, &Output::Stdout(vec![0xff; 10])).await;
    assert_eq!(log.page(0, 1), Ok((vec![0xff], true, 10)));
}

#[tokio::test]
async fn tiny_pieces_count_for_more_than_their_bytes() {
    let log = Log::new(10_000);
    for n in 0..10_000 {
        let byte = vec![b'x'];
        append(&log, &if n % 2 == 0 { Output::Stdout(byte) } else { Output::Stderr(byte) }).await;
    }
    assert!(log.kept().pieces.len() < 200);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_reads_is_waited_for_and_one_that_stalls_is_not() {
    let log = Arc::new(Log::new(100_000));
    let writer = |log: Arc<Log>| async move {
        for n in 0..100_u8 {
            append(&log, &Output::Stdout(vec![n; 10_000])).await;
        }
        log.close();
    };
    let mut reader = log.reader(0);
    let mut stalled = log.reader(0);
    let task = tokio::spawn(writer(log.clone()));
    let before = Instant::now();
    let mut read = Vec::new();
    loop {
        match reader.next() {
            Found::Output(output) => {
                let (Output::Stdout(bytes) | Output::Stderr(bytes)) = output;
                read.extend(bytes);
                tokio::time::sleep(PATIENCE / 2).await;
            }
            Found::NotYet => reader.grown().await,
            Found::End => break,
            Found::Gone { start } => panic!("lost what is before {start}"),
        }
    }
    task.await.expect("written");
    let whole: Vec<u8> = (0..100).flat_map(|n| vec![n; 10_000]).collect();
    assert!(read == whole, "{} bytes of {}", read.len(), whole.len());
    assert!(matches!(stalled.next(), Found::Gone { .. }));

    assert!(before.elapsed() > PATIENCE * 5, "the writer kept the reader's pace");

    // Nobody reads, or no longer: nothing is waited for.
    let log = Arc::new(Log::new(100_000));
    let before = Instant::now();
    writer(log.clone()).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
    let log = Arc::new(Log::new(100_000));
    drop(log.reader(0));
    writer(log.clone()).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn leaving_while_there_is_no_room_loses_nothing() {
    let log = Arc::new(Log::new(10_000));
    let mut reader = log.reader(0);
    for n in 0..4_u8 {
        let output = Output::Stdout(vec![n; 8_000]);
        drop(tokio::time::timeout(Duration::from_millis(1), append(&log, &output)).await);
    }
    let mut read = 0;
    while let Found::Output(output) = reader.next() {
        read += output.len();
    }
    assert_eq!(read, 32_000);
}
