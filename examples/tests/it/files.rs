//! Files over the wire, and as a browser plays them.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use peristyle::{
    before,
    server::{Context, Server},
    streaming::files::Directory,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinSet,
};

use crate::{browser::Browser, tool};

#[path = "../../files.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

/// What was asked for: the path, and the range.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// The example on a socket, with the folder that it serves.
struct Running {
    outer: PathBuf,
    address: SocketAddr,
    requests: Requests,
    runtime: Runtime,
    end: oneshot::Sender<()>,
    serving: JoinSet<io::Result<()>>,
}

impl Running {
    fn start(name: &str) -> Self {
        let outer = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{name}"));
        // An earlier run that failed may have left it.
        let _ = fs::remove_dir_all(&outer);
        fs::create_dir_all(outer.join("root/sub")).unwrap();
        fs::write(outer.join("secret.txt"), "secret").unwrap();
        let requests = Requests::default();
        let files = Directory::new(outer.join("root")).unwrap();
        let noted = Arc::clone(&requests);
        let note = move |cx: &mut Context| noted.lock().unwrap().push(asked(cx));
        let router = example::routes(files).interceptors(before(note)).build();
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = threads.unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0")).unwrap();
        let address = server.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        let serve = server.serve_until(router.unwrap(), async { drop(ended.await) });
        serving.spawn_on(serve, runtime.handle());
        Self {
            outer,
            address,
            requests,
            runtime,
            end,
            serving,
        }
    }

    /// A file that was changed long ago.
    fn file(&self, name: &str, content: &[u8]) -> File {
        let mut file = File::create(self.outer.join("root").join(name)).unwrap();
        file.write_all(content).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        file.set_modified(time).unwrap();
        file
    }

    /// The whole response but the date.
    fn answer(&self, method: &str, path: &str, headers: &str) -> String {
        let mut client = TcpStream::connect(self.address).unwrap();
        let limit = Some(Duration::from_secs(20));
        client.set_read_timeout(limit).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let lines = head
            .split("\r\n")
            .filter(|line| !line.starts_with("date: "));
        let mut lines: Vec<_> = lines.collect();
        lines[1..].sort_unstable();
        format!("{}\n\n{body}", lines.join("\n"))
    }

    fn etag(&self, path: &str) -> String {
        let head = self.answer("HEAD", path, "");
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: "));
        etag.unwrap().to_owned()
    }

    fn end(mut self) {
        self.end.send(()).unwrap();
        let served = self.runtime.block_on(self.serving.join_next());
        served.unwrap().unwrap().unwrap();
        fs::remove_dir_all(self.outer).unwrap();
    }
}

fn asked(cx: &Context) -> (String, String) {
    let range = cx.request().headers.get("range");
    let range = range.map_or("", |range| range.to_str().unwrap());
    (cx.uri().path().to_owned(), range.to_owned())
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn a_file_is_answered_in_full_in_ranges_and_on_conditions() {
    let server = Running::start("wire");
    server.file("a.txt", b"0123456789");
    let etag = server.etag("/files/a.txt");
    let described =
        format!("content-type: text/plain; charset=utf-8\netag: {etag}\nlast-modified: {DATE}");

    let head = server.answer("HEAD", "/files/a.txt", "");
    let expected = format!(
        "HTTP/1.1 200 OK\naccept-ranges: bytes\nconnection: close\ncontent-length: 10\n{described}\n\n"
    );
    assert_eq!(head, expected);
    let whole = server.answer("GET", "/files/a.txt", "");
    assert_eq!(whole, format!("{expected}0123456789"));

    let range = format!("range: bytes=-4\r\nif-range: {etag}\r\n");
    assert_eq!(
        server.answer("GET", "/files/a.txt", &range),
        format!(
            "HTTP/1.1 206 Partial Content\naccept-ranges: bytes\nconnection: close\n\
            content-length: 4\ncontent-range: bytes 6-9/10\n{described}\n\n6789"
        )
    );
    let beyond = "range: bytes=10-\r\n";
    assert_eq!(
        server.answer("GET", "/files/a.txt", beyond),
        "HTTP/1.1 416 Range Not Satisfiable\naccept-ranges: bytes\nconnection: close\n\
        content-length: 0\ncontent-range: bytes */10\n\n"
    );
    for known in [
        format!("if-none-match: {etag}\r\n"),
        format!("if-modified-since: {DATE}\r\n"),
    ] {
        assert_eq!(
            server.answer("GET", "/files/a.txt", &known),
            format!(
                "HTTP/1.1 304 Not Modified\nconnection: close\netag: {etag}\nlast-modified: {DATE}\n\n"
            )
        );
    }
    let other = "if-match: \"other\"\r\n";
    assert_eq!(
        server.answer("GET", "/files/a.txt", other),
        "HTTP/1.1 412 Precondition Failed\naccept-ranges: bytes\nconnection: close\n\
        content-length: 0\n\n"
    );
    server.end();
}

#[test]
fn several_ranges_come_in_parts() {
    let server = Running::start("parts");
    server.file("a.txt", &[b'x'; 1000]);
    let answer = server.answer("GET", "/files/a.txt", "range: bytes=0-1,998-\r\n");
    let boundary = answer.split_once("boundary=").unwrap().1;
    let boundary = boundary.lines().next().unwrap();
    let part = "content-type: text/plain; charset=utf-8\r\ncontent-range: bytes";
    let body = format!(
        "--{boundary}\r\n{part} 0-1/1000\r\n\r\nxx\r\n--{boundary}\r\n{part} 998-999/1000\r\n\r\nxx\
        \r\n--{boundary}--\r\n"
    );
    assert!(answer.starts_with("HTTP/1.1 206 "), "{answer}");
    assert!(answer.contains(&format!("\ncontent-length: {}\n", body.len())));
    assert!(answer.ends_with(&format!("\n\n{body}")), "{answer}");
    server.end();
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let server = Running::start("hostile");
    server.file("a.txt", b"a");
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret.txt", server.outer.join("root/link")).unwrap();
    for path in [
        "/files/../secret.txt",
        "/files/%2e%2e/secret.txt",
        "/files/..%2fsecret.txt",
        "/files/%2e%2e%2fsecret.txt",
        "/files/..%5csecret.txt",
        "/files/..\\secret.txt",
        "/files/%252e%252e/secret.txt",
        "/files/sub/..%2f..%2fsecret.txt",
        "/files/sub/../../secret.txt",
        "/files//../secret.txt",
        "/files/..%00/secret.txt",
        "/files/a.txt%00",
        "/files/%c0%ae%c0%ae/secret.txt",
        "/files//etc/passwd",
        "/files/%2fetc/passwd",
        "/files/link",
        "/files/.",
        "/files/sub/",
    ] {
        let answer = server.answer("GET", path, "");
        let status = &answer["HTTP/1.1 ".len()..][..3];
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
        for told in ["secret\n", "root:", server.outer.to_str().unwrap()] {
            assert!(
                !answer.ends_with("secret") && !answer.contains(told),
                "{path}: {answer}"
            );
        }
    }
    server.end();
}

/// The head of a WAV file of 16-bit stereo at 44.1 kHz, with this many bytes of sound.
fn wav_head(bytes: u32) -> Vec<u8> {
    let (rate, frame) = (44_100_u32, 4_u16);
    let mut head = Vec::from(*b"RIFF");
    head.extend((bytes + 36).to_le_bytes());
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend(1_u16.to_le_bytes());
    head.extend(2_u16.to_le_bytes());
    head.extend(rate.to_le_bytes());
    head.extend((rate * u32::from(frame)).to_le_bytes());
    head.extend(frame.to_le_bytes());
    head.extend(16_u16.to_le_bytes());
    head.extend(b"data");
    head.extend(bytes.to_le_bytes());
    head
}

/// A browser plays sound in a `video` too, and takes it from where it is dragged to.
#[test]
fn a_browser_seeks_and_asks_for_what_it_needs() {
    let Some(chromium) = tool::require("chromium") else {
        return;
    };
    /// 400 seconds, more than it takes before it is asked to.
    const BYTES: u32 = 400 * 44_100 * 4;
    let server = Running::start("browser");
    let sound = server.file("sound.wav", &wav_head(BYTES));
    sound.set_len(u64::from(BYTES) + 44).unwrap();
    drop(sound);

    let mut browser = Browser::start(&chromium);
    browser.open(&format!("http://{}/#sound.wav", server.address));
    let video = "document.querySelector('video')";
    browser.wait_for(&format!("{video}?.dataset.duration == 400"));
    browser.wait_for(&format!("({video}.currentTime = 360, true)"));
    browser.wait_for(&format!("{video}.dataset.time == 360"));
    browser.wait_for(&format!("({video}.dataset.error === undefined)"));
    drop(browser);

    let requests = server.requests.lock().unwrap().clone();
    let starts = requests
        .iter()
        .filter(|(path, _)| path == "/files/sound.wav");
    let starts: Vec<u64> = starts.map(|(_, range)| first(range)).collect();
    let sought = 360 * 44_100 * 4;
    let close = |start: &u64| sought - 1_000_000 < *start && *start <= sought + 44;
    assert_eq!(starts.first(), Some(&0), "{requests:?}");
    assert!(starts.iter().any(close), "{requests:?}");
    server.end();
}

/// The first byte of a range that goes to the end.
fn first(range: &str) -> u64 {
    let range = range.strip_prefix("bytes=").unwrap();
    range.split('-').next().unwrap().parse().unwrap()
}
