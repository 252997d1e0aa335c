//! Sends small messages at once instead of waiting for the answer to earlier ones.
//!
//! sqlx 0.9.0 no longer sets `TCP_NODELAY` (sqlx#4335; mended by sqlx#4336, not released yet), and offers no way to reach
//! its socket. A COPY ends with a message of five bytes behind the last rows, which TCP then keeps back until the server
//! acknowledges those, 40 ms later: measured with 565 of them, 16 s instead of 4. So the socket is found among this
//! process's own and told. Where the system does not allow that (it is not Linux, or a sandbox forbids it) everything works,
//! slower. To be deleted with the next sqlx.

/// Turns the delay off on every connection of this process to a server on `port`.
#[cfg(target_os = "linux")]
pub fn turn_off_delay(port: u16) {
    match sockets(port) {
        Ok(0) => tracing::debug!(port, "no connection found whose delay could be turned off"),
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, port, "small messages to PostgreSQL may wait 40 ms"),
    }
}

#[cfg(not(target_os = "linux"))]
pub fn turn_off_delay(_port: u16) {}

/// A descriptor is reached by its number through the process's own handle, which copies it: the original cannot be
/// closed or mixed up by this. Setting the option on a copy sets it on the connection.
#[cfg(target_os = "linux")]
fn sockets(port: u16) -> std::io::Result<usize> {
    use rustix::net::{getpeername, sockopt::set_tcp_nodelay};
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut found = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let is_socket = std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()).filter(|_| is_socket) else {
            continue;
        };
        // It may have been closed meanwhile.
        let Ok(socket) = pidfd_getfd(&this, number, PidfdGetfdFlags::empty()) else { continue };
        let peer = getpeername(&socket).ok().flatten().and_then(|peer| std::net::SocketAddr::try_from(peer).ok());
        if peer.is_some_and(|peer| peer.port() == port) {
            set_tcp_nodelay(&socket, true)?;
            found += 1;
        }
    }
    Ok(found)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_to_the_port_are_found_and_others_left_alone() {
        let (server, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (mine, foreign) = (
            TcpStream::connect(server.local_addr().unwrap()).unwrap(),
            TcpStream::connect(other.local_addr().unwrap()).unwrap(),
        );
        assert!(!mine.nodelay().unwrap());
        match super::sockets(server.local_addr().unwrap().port()) {
            Ok(found) => {
                assert_eq!(found, 1);
                assert!(mine.nodelay().unwrap() && !foreign.nodelay().unwrap());
            }
            // A sandbox may forbid it; then nothing changes.
            Err(_) => assert!(!mine.nodelay().unwrap()),
        }
    }
}
