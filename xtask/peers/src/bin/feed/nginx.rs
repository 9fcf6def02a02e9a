//! nginx with nchan, of the Debian packages `nginx` and `libnginx-mod-nchan`.

use std::{
    env, fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use peristyle_peers::{Failure, Process};
use rustix::process::{Pid, Signal, kill_process};

const MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/local/nginx/modules/ngx_nchan_module.so",
];
/// So often it is looked whether it listens.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// A server of one worker, in a folder of its own. It is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    master: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Nginx {
    /// Where its module is, if it is installed.
    pub(crate) fn module() -> Option<&'static Path> {
        let mut modules = MODULES.iter().map(Path::new);
        modules.find(|module| module.exists())
    }

    pub(crate) fn start(core: u32) -> Result<Self, Failure> {
        let module = Self::module().ok_or("nchan is not installed")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = env::temp_dir().join(format!("feed-nginx-{}", address.port()));
        fs::create_dir_all(&folder)?;
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration(module, address))?;
        let master = Command::new("taskset")
            .args([
                "--cpu-list",
                &core.to_string(),
                "nginx",
                "-e",
                "stderr",
                "-p",
            ])
            .arg(&folder)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()?;
        let nginx = Self {
            master,
            address,
            folder,
        };
        nginx.listens()?;
        Ok(nginx)
    }

    fn listens(&self) -> Result<(), Failure> {
        for _ in 0..TRIES {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        Err("nginx does not listen".into())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process that serves.
    pub(crate) fn worker(&self) -> io::Result<Process> {
        let workers = Process::of(self.master.id()).children()?;
        let worker = workers.into_iter().next();
        worker.ok_or_else(|| io::Error::other("nginx has no worker"))
    }

    /// Sends SIGTERM, on which it closes all connections.
    pub(crate) fn terminate(&self) -> Result<(), Failure> {
        let pid = i32::try_from(self.master.id())?;
        let pid = Pid::from_raw(pid).ok_or("nginx has a number")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    pub(crate) fn ended(&mut self) -> Result<(), Failure> {
        match self.master.wait()? {
            status if status.success() => Ok(()),
            status => Err(format!("nginx failed ({status})").into()),
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _told = self.terminate();
        let _reaped = self.master.wait();
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// One worker, one channel, no log, and what followers missed for as long as ours keeps it.
fn configuration(module: &Path, address: SocketAddr) -> String {
    let module = module.display();
    format!(
        "\
load_module {module};
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events {{
    worker_connections 18000;
    multi_accept on;
}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 10000000;
    tcp_nodelay on;
    nchan_max_reserved_memory 256m;
    server {{
        listen {address} backlog=4096;
        location = /events {{
            nchan_subscriber eventsource;
            nchan_channel_id feed;
            nchan_subscriber_first_message newest;
        }}
        location = /publish {{
            nchan_publisher;
            nchan_channel_id feed;
            nchan_message_buffer_length 10000;
            nchan_message_timeout 5m;
        }}
    }}
}}
"
    )
}
