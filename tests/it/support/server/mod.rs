//! Servers on loopback, each ended when it is dropped.

mod daemons;
mod http;
mod wire;

pub(crate) use self::daemons::{GitDaemon, Sshd};
pub(crate) use self::http::{Fault, Http, Options, Request};
