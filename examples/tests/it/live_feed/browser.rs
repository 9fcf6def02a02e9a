//! A real browser, driven over the Chrome `DevTools` Protocol.

use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio, id},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client};

use super::program::{LIMIT, lines};

/// A headless Chromium with one page. It is killed when this is dropped.
pub(crate) struct Browser {
    process: Process,
    protocol: WebSocket<TcpStream>,
    session: Option<String>,
    calls: u64,
}

impl Browser {
    /// Starts Chromium with an empty page.
    pub(crate) fn start(chromium: &Path) -> Self {
        let mut process = Process::start(chromium);
        let stderr = lines(process.child.stderr.take().unwrap());
        let url = loop {
            let line = stderr.recv_timeout(LIMIT).expect("the protocol's address");
            if let Some(url) = line.strip_prefix("DevTools listening on ") {
                break url.to_owned();
            }
        };
        let host = url.trim_start_matches("ws://").split('/').next().unwrap();
        let socket = TcpStream::connect(host).unwrap();
        // Longer than the page itself waits, so that its own message is seen.
        socket.set_read_timeout(Some(LIMIT * 2)).unwrap();
        let (protocol, _) = client(&url, socket).unwrap();
        let mut browser = Self {
            process,
            protocol,
            session: None,
            calls: 0,
        };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        let target = self.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = &target["targetId"];
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = self.call("Target.attachToTarget", &attach);
        self.session = attached["sessionId"].as_str().map(str::to_owned);
    }

    /// Shows another page.
    pub(crate) fn open(&mut self, url: &str) {
        let shown = self.call("Page.navigate", &json!({ "url": url }));
        assert_eq!(shown.get("errorText"), None, "{url}");
    }

    /// Waits until the JavaScript expression `condition` is true, asking whenever the document has changed.
    pub(crate) fn wait_for(&mut self, condition: &str) {
        let limit = LIMIT.as_millis();
        let promise = format!(
            "new Promise((resolve, reject) => {{
                const check = () => {{ if ({condition}) resolve(true); }};
                new MutationObserver(check).observe(document, {{
                    subtree: true, childList: true, characterData: true, attributes: true
                }});
                setTimeout(() => reject(new Error(
                    'not within the limit; the page shows: ' + document.body?.innerText)), {limit});
                check();
            }})"
        );
        let evaluate =
            json!({ "expression": promise, "awaitPromise": true, "returnByValue": true });
        let evaluated = self.call("Runtime.evaluate", &evaluate);
        let value = &evaluated["result"]["value"];
        assert_eq!(*value, true, "{condition}: {evaluated}");
    }

    /// Calls a method of the protocol, passing over the events that come before its result.
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        let call = Message::text(call.to_string());
        self.protocol.send(call).unwrap();
        loop {
            let message = self.protocol.read().unwrap();
            let Ok(text) = message.to_text() else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(text).unwrap_or_default();
            if answer["id"] == self.calls {
                assert_eq!(answer.get("error"), None, "{method}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to close, it takes its helper processes along. What it answers does not matter.
        let close = json!({ "id": self.calls + 1, "method": "Browser.close" });
        let close = Message::text(close.to_string());
        if self.protocol.send(close).is_ok() {
            while self.protocol.read().is_ok() {}
        }
        self.process.end();
    }
}

/// The process and its profile directory.
struct Process {
    child: Child,
    profile: PathBuf,
}

impl Process {
    fn start(chromium: &Path) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Relaxed);
        let profile = env::temp_dir().join(format!("example-browser-{}-{number}", id()));
        let mut command = Command::new(chromium);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--remote-debugging-port=0",
        ]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::piped()).spawn();
        let child = child.expect("chromium starts");
        Self { child, profile }
    }

    /// Each step may have happened already.
    fn end(&mut self) {
        let _: Result<(), _> = self.child.kill();
        let _: Result<ExitStatus, _> = self.child.wait();
        let _: Result<(), _> = fs::remove_dir_all(&self.profile);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
