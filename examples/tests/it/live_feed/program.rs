//! The example as a process, and plain HTTP/1.1 over sockets.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use crate::binary;

/// Only a hang takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The lines that a process writes; disconnected when it has closed them.
#[expect(
    clippy::disallowed_types,
    reason = "the receiver of a `sync_channel`, which is bounded"
)]
pub(crate) type Lines = mpsc::Receiver<String>;

/// The running example. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    address: String,
}

impl Program {
    /// Starts the example and waits until it listens.
    pub(crate) fn start(listen: &str) -> Self {
        let mut command = Command::new(binary());
        command.args(["--listen", listen]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the example starts");
        let stdin = child.stdin.take();
        let stdout = lines(child.stdout.take().unwrap());
        let mut program = Self {
            child,
            stdin,
            stdout,
            address: String::new(),
        };
        let first = program.stdout.recv_timeout(LIMIT).expect("a first line");
        let address = first.strip_prefix("listening on http://");
        program.address = String::from(address.expect("its address"));
        program
    }

    /// What the example says to arguments that it refuses.
    pub(crate) fn refused(arguments: &[&str]) -> Output {
        Command::new(binary()).args(arguments).output().unwrap()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("not closed yet");
        writeln!(stdin, "{line}").unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        // Every shell has a `kill` of its own; not every machine has the program.
        let sent = Command::new("sh")
            .args(["-c", "kill -INT $0", &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended by itself; its standard input stays as it is.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let closed = self.stdout.recv_timeout(LIMIT);
        assert_eq!(closed, Err(mpsc::RecvTimeoutError::Disconnected));
        self.child.wait().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _: Result<(), _> = self.child.kill();
        let _: Result<ExitStatus, _> = self.child.wait();
    }
}

/// Reads the lines on a thread, which ends with the process that writes them.
pub(crate) fn lines(output: impl Read + Send + 'static) -> Lines {
    let (tx, rx) = mpsc::sync_channel(16);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Lines that nobody wants are read still, so that the process never waits for a reader.
            let _: Result<(), _> = tx.try_send(line);
        }
    });
    rx
}

fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| binary::build("live_feed")).clone()
}

pub(crate) fn publish(address: &str, message: &[u8]) -> String {
    let length = message.len();
    let head = format!(
        "POST /publish HTTP/1.1\r\nhost: feed\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    read_to_end(send(address, &[head.as_bytes(), message].concat()))
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: feed\r\nconnection: close\r\n\r\n");
    read_to_end(send(address, head.as_bytes()))
}

/// Connects and sends; reads time out.
pub(crate) fn send(address: &str, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request).unwrap();
    stream
}

/// The head of a response, and no byte more.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn read_to_end(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
