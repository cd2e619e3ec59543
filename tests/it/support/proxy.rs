use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Stands between a server and its database, and can be cut.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) target: SocketAddr,
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Proxy {
    /// A proxy that passes everything on.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut proxy = Self { address, target, cut: CancellationToken::new(), tasks: TaskTracker::new() };
        proxy.serve(listener);
        proxy
    }

    /// Drops every connection and refuses new ones.
    pub(crate) async fn cut(&self) {
        self.cut.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Passes everything on again.
    pub(crate) async fn restore(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still ours");
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        self.cut = CancellationToken::new();
        self.tasks.reopen();
        let (target, cut, tasks) = (self.target, self.cut.clone(), self.tasks.clone());
        let accept = async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let pass = async move {
                    if let Ok(mut far) = TcpStream::connect(target).await {
                        copy_bidirectional(&mut near, &mut far).await.ok();
                    }
                };
                tasks.spawn(cut.clone().run_until_cancelled_owned(pass));
            }
        };
        self.tasks.spawn(self.cut.clone().run_until_cancelled_owned(accept));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}
