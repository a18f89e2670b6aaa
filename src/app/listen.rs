//! Binding: every address of a listener before anything else starts, and one sentence when one is not to be had.

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::StartError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// Binds every address of the listener `name`. `key` is what an operator changes when one is taken. Of several addresses
/// those of a family this machine lacks are left out, as long as one remains.
///
/// # Errors
/// [`StartError::Listen`] with one sentence.
pub fn bind(name: &str, key: &str, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, StartError> {
    let mut bound: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    let mut lacking = None;
    for wanted in addresses {
        let mut address = *wanted;
        // A free port is chosen once, for all addresses of the listener.
        if let Some(first) = bound.first().filter(|_| address.port() == 0) {
            address.set_port(first.local_addr().map_err(|error| refused(name, key, *wanted, &error))?.port());
        }
        match open(address) {
            Ok(listener) => bound.push(listener),
            Err(error) if addresses.len() > 1 && is_lacking_family(&error) => lacking = Some((address, error)),
            Err(error) => return Err(refused(name, key, address, &error)),
        }
    }
    match lacking {
        Some((address, error)) if bound.is_empty() => Err(refused(name, key, address, &error)),
        _ => Ok(bound),
    }
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // 0.0.0.0 may stand beside [::].
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_lacking_family(error: &Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn refused(name: &str, key: &str, address: SocketAddr, error: &Error) -> StartError {
    StartError::Listen(match error.kind() {
        ErrorKind::AddrInUse => {
            format!("the {name} listener cannot have {address}: another program listens there; end it, or change {key}")
        }
        ErrorKind::PermissionDenied => format!(
            "the {name} listener may not have {address}: ports below 1024 need a privilege; change {key}, or grant it"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("the {name} listener cannot have {address}: this machine does not have that address; change {key}")
        }
        _ => format!("the {name} listener cannot have {address}: {error}; change {key}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_one_sentence_with_the_key_to_change() {
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let first = bind("public", "serve.public.port", &[free]).expect("a free port");
        let taken = first[0].local_addr().expect("its address");
        let told = bind("public", "serve.public.port", &[taken]).expect_err("taken").to_string();
        assert_eq!(
            told,
            format!(
                "the public listener cannot have {taken}: another program listens there; end it, or change serve.public.port"
            )
        );
    }

    #[test]
    fn an_address_this_machine_lacks_is_left_out_while_another_remains() {
        // RFC 5737 §3: never a machine's own.
        let elsewhere: SocketAddr = ([192, 0, 2, 1], 0).into();
        let here: SocketAddr = ([127, 0, 0, 1], 0).into();
        assert_eq!(bind("public", "serve.public.port", &[here, elsewhere]).expect("one remains").len(), 1);
        assert!(bind("public", "serve.public.host", &[elsewhere]).is_err());
    }

    #[test]
    fn a_free_port_is_the_same_for_all_addresses() {
        let here: SocketAddr = ([127, 0, 0, 1], 0).into();
        let there: SocketAddr = ([127, 0, 0, 2], 0).into();
        let bound = bind("public", "serve.public.port", &[here, there]).expect("free ports");
        let ports: Vec<u16> = bound.iter().map(|l| l.local_addr().expect("an address").port()).collect();
        assert!(ports.len() == 2 && ports[0] == ports[1], "{ports:?}");
    }
}
