//! Mock HTTP servers under several host names, serving the plan's list.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::task::{JoinHandle, spawn_local};

use super::diag::Diag;
use super::ledger::Ledger;
use super::queues::{Queues, queues};
use super::serve::{Ask, Route, Site, connection, on_head};
use super::side::{Interest, Side};
use super::wire::Wire;
use crate::evidence::{Event, Place, Point, Tier};
use crate::plan::seed::Dice;
use crate::plan::{Item, Plan, SitePlan, site};
use crate::task::world::Answer;

/// A client whose connection doesn't fit into the queue sleeps for a second, and no look shows that.
const BACKLOG: i32 = 4096;
const NAMES: [&str; 24] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi",
    "psi", "omega",
];

/// Why an origin could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    #[error("this plan has no origin")]
    None,
    #[error("the origin cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
}

/// The name of an origin's host in tier `full`.
pub fn host_name(host: u16) -> String {
    let name = NAMES[usize::from(host) % NAMES.len()];
    match usize::from(host) / NAMES.len() {
        0 => format!("{name}.test"),
        round => format!("{name}{}.test", round + 1),
    }
}

/// The address of an origin's host in tier `full`, for the hosts file.
pub fn host_addr(host: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 0, 2).to_bits() + u32::from(host))
}

/// An origin that listens and doesn't serve yet.
pub struct Origin {
    listeners: Vec<TcpListener>,
    places: Vec<Place>,
    /// Bound and not listening, for each host that needs one: nobody else can take the port.
    refused: Vec<Option<(OwnedFd, SocketAddr)>>,
    items: Rc<[Item]>,
    site: Option<Rc<SitePlan>>,
    cities: Option<HashMap<String, u32>>,
    gate: Option<Point>,
    seed: u64,
}

impl Origin {
    /// Listens where the tier has it: in tier `full` host number i has a name, the address 127.0.0.2 + i and
    /// the port 8000 + i, in this process's network namespace; in the others 127.0.0.1 and a free port.
    pub fn bind(plan: &Plan, tier: Tier) -> Result<(Origin, Vec<Place>), OriginError> {
        if !plan.world.has_pages() {
            return Err(OriginError::None);
        }
        // Host number 1 of a site is another port of the site itself.
        let is_port = |host| plan.site.is_some() && host == site::OTHER_PORT;
        // Of a service the program is told an address: it need not look up a name for it.
        let literal = plan.upstream.is_some()
            || plan
                .world
                .origin
                .as_ref()
                .is_some_and(|origin| origin.literal);
        let hosts = plan.world.hosts();
        let (mut listeners, mut places, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for host in 0..hosts {
            let (wanted, unheard) = match tier {
                Tier::Full if is_port(host) => {
                    let addr = host_addr(site::HOME);
                    (
                        SocketAddr::from((addr, 8100)),
                        SocketAddr::from((addr, 9100)),
                    )
                }
                Tier::Full => (
                    SocketAddr::from((host_addr(host), 8000 + host)),
                    SocketAddr::from((host_addr(host), 9000 + host)),
                ),
                Tier::Reduced | Tier::Portable => {
                    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                    (any, any)
                }
            };
            let listener = open(wanted, true).map_err(|source| OriginError::Listen {
                addr: wanted,
                source,
            })?;
            let listener = TcpListener::from(listener);
            let addr = listener
                .local_addr()
                .map_err(|source| OriginError::Listen {
                    addr: wanted,
                    source,
                })?;
            let name = match tier {
                Tier::Full if is_port(host) => host_name(site::HOME),
                Tier::Full if !literal => host_name(host),
                _ => addr.ip().to_string(),
            };
            listeners.push(listener);
            places.push(Place { name, addr });
            if plan
                .items
                .iter()
                .any(|item| item.host == host && item.answer == Answer::Refused)
            {
                let error = |source| OriginError::Listen {
                    addr: unheard,
                    source,
                };
                let socket = open(unheard, false).map_err(error)?;
                let addr = rustix::net::getsockname(&socket)
                    .and_then(SocketAddr::try_from)
                    .map_err(|e| error(e.into()))?;
                refused.push(Some((socket, addr)));
            } else {
                refused.push(None);
            }
        }
        let items = plan.items.clone().into();
        let origin = Origin {
            listeners,
            places: places.clone(),
            refused,
            items,
            site: plan.site.clone().map(Rc::new),
            cities: plan.upstream.as_ref().map(|upstream| {
                let names = upstream.cities.iter().map(|city| city.name.clone());
                names.zip(0..).collect()
            }),
            gate: plan.world.gate(),
            seed: plan.seed,
        };
        Ok((origin, places))
    }

    /// The address of an item as it stands in the list; for a malformed one, its line.
    pub fn url(&self, item: &Item) -> String {
        let place = &self.places[usize::from(item.host)];
        let addr = match (&item.answer, &self.refused[usize::from(item.host)]) {
            (Answer::Malformed, _) => return item.path.clone(),
            (Answer::Refused, Some((_, addr))) => *addr,
            _ => place.addr,
        };
        format!("http://{}:{}{}", place.name, addr.port(), item.path)
    }

    /// Where host number 0 is, without a path.
    pub fn base(&self) -> String {
        let place = &self.places[0];
        format!("http://{}:{}", place.name, place.addr.port())
    }

    /// The list as arguments: an address for each entry, those of doubled ones twice.
    pub fn targets(&self) -> Vec<String> {
        self.lines(&mut Dice::new(self.seed, "list"))
    }

    /// The list as a file: a line for each entry, second lines of doubled ones further down, and a few
    /// blank lines in between, all by the seed.
    pub fn urls_file(&self) -> Vec<u8> {
        let mut dice = Dice::new(self.seed, "list");
        let mut file = String::new();
        for line in self.lines(&mut dice) {
            file.push_str(&line);
            file.push('\n');
            if dice.below(12) == 0 {
                file.push('\n');
            }
        }
        file.into_bytes()
    }

    fn lines(&self, dice: &mut Dice) -> Vec<String> {
        // Each line's place is a number; a second line's is drawn from those after the first.
        let count = self.items.len() as u64;
        let mut lines: Vec<(u64, u64, String)> = Vec::with_capacity(self.items.len());
        for (index, item) in (0..).zip(self.items.iter()) {
            let url = self.url(item);
            for _ in 1..item.listed {
                lines.push((
                    dice.between(index, count),
                    1 + dice.below(1 << 32),
                    url.clone(),
                ));
            }
            lines.push((index, 0, url));
        }
        lines.sort();
        lines.into_iter().map(|(_, _, line)| line).collect()
    }

    /// Begins to serve, in tasks of this thread's runtime.
    pub fn serve(
        self,
        side: &Rc<Side>,
        ledger: &Rc<Ledger>,
        diag: Option<Rc<Diag>>,
    ) -> io::Result<Serving> {
        let site = Rc::new(Site {
            ledger: Rc::clone(ledger),
            side: Rc::clone(side),
            diag,
            routes: routes(&self.items, self.places.len()),
            items: Rc::clone(&self.items),
            pages: self.site,
            cities: self.cities,
            places: self.places,
            gate: self.gate,
            wires: RefCell::default(),
        });
        ledger.set_probe(Rc::clone(&site) as _);
        let mut acceptors = Vec::new();
        for (host, listener) in (0..).zip(self.listeners) {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            acceptors.push(spawn_local(accept(Rc::clone(&site), host, listener)));
        }
        Ok(Serving {
            site,
            acceptors,
            _refused: self.refused,
        })
    }
}

fn open(addr: SocketAddr, heard: bool) -> io::Result<OwnedFd> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    if heard {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &addr)?;
    if heard {
        listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}

fn routes(items: &[Item], hosts: usize) -> Vec<HashMap<String, Route>> {
    let mut routes = vec![HashMap::new(); hosts];
    for (index, item) in (0..).zip(items) {
        let Some(paths) = routes.get_mut(usize::from(item.host)) else {
            continue;
        };
        match item.answer {
            Answer::Malformed | Answer::Refused => continue,
            Answer::Redirect => {
                if let Some(target) = item.redirect_target() {
                    paths.insert(target, Route::Target(index));
                }
            }
            _ => {}
        }
        paths.insert(item.path.clone(), Route::Item(index));
    }
    routes
}

async fn accept(site: Rc<Site>, host: u16, listener: tokio::net::TcpListener) {
    let fault = |message: String| {
        site.ledger.recorder().record(Event::Fault { message });
    };
    let watch = match site.side.watch(&listener, Interest::READ) {
        Ok(watch) => watch,
        Err(error) => return fault(format!("the origin's listener cannot be watched: {error}")),
    };
    let Ok(SocketAddr::V4(local)) = listener.local_addr() else {
        return fault("the origin's listener has no IPv4 address".into());
    };
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok((stream, SocketAddr::V4(peer))) => {
                site.side.bump();
                // Without it the second part of an answer may wait for the first one's acknowledgement.
                let _ = stream.set_nodelay(true);
                if let Err(error) = welcome(&site, host, stream, peer, local) {
                    return fault(format!("the origin cannot watch a connection: {error}"));
                }
            }
            Ok((_, SocketAddr::V6(_))) => {}
            // The client was gone before its turn came.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                drop(watch);
                return fault(format!("the origin cannot accept connections: {error}"));
            }
        }
    }
}

fn welcome(
    site: &Rc<Site>,
    host: u16,
    stream: tokio::net::TcpStream,
    peer: SocketAddrV4,
    local: SocketAddrV4,
) -> io::Result<()> {
    let conn = site.ledger.connect(host);
    let wire: Wire<Ask> = Wire::new(stream, &site.side, peer, local, on_head(site, conn, host))?;
    let wire = Rc::new(wire);
    site.wires.borrow_mut().insert(conn, Rc::clone(&wire));
    spawn_local(connection(Rc::clone(site), conn, host, wire));
    Ok(())
}

/// A serving origin. Accepts no more connections once dropped.
pub struct Serving {
    site: Rc<Site>,
    acceptors: Vec<JoinHandle<()>>,
    _refused: Vec<Option<(OwnedFd, SocketAddr)>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.acceptors.iter().for_each(JoinHandle::abort);
    }
}

impl Serving {
    /// What lies in the queues of the open connections. Costs some microseconds for each.
    pub fn queues(&self) -> Queues {
        queues(&self.site)
    }
}
