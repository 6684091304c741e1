//! Serving one connection.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::os::fd::AsRawFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use super::diag::Diag;
use super::ledger::{Fate, Ledger, Probe, Ticket};
use super::raw;
use super::reply::{Asked, reply};
use super::side::Side;
use super::wire::{Reading, Tap, Wire};
use crate::evidence::{self, Ending, Place, Point};
use crate::plan::{Item, SitePlan, upstream};

/// Up to so many other connections are all looked up when a request makes a new maximum; of more, only
/// those that show an end of stream, to bound the cost.
const ALL_LOOKED_UP: usize = 256;

/// What a path of a host stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// An entry of the list.
    Item(u32),
    /// The page that an entry redirects to.
    Target(u32),
}

/// A request whose head was found.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub ticket: Ticket,
    pub route: Option<Route>,
}

/// Everything that the connections of an origin share.
pub struct Site {
    pub ledger: Rc<Ledger>,
    pub side: Rc<Side>,
    pub diag: Option<Rc<Diag>>,
    pub items: Rc<[Item]>,
    /// The graph of a site, whose pages the items are.
    pub pages: Option<Rc<SitePlan>>,
    pub places: Vec<Place>,
    pub routes: Vec<HashMap<String, Route>>,
    /// Entries by the city that a request asks for, where the origin is such a service.
    pub cities: Option<HashMap<String, u32>>,
    pub gate: Option<Point>,
    pub wires: RefCell<HashMap<u64, Rc<Wire<Ask>>>>,
}

impl Site {
    fn arrive(&self, conn: u64, host: u16, method: &str, target: &str) -> Ask {
        let route = match &self.cities {
            Some(cities) => upstream::city_of(path(target))
                .and_then(|city| cities.get(&city).copied().map(Route::Item)),
            None => self
                .routes
                .get(usize::from(host))
                .and_then(|paths| paths.get(path(target)).copied()),
        };
        let item = match route {
            Some(Route::Item(item)) => Some(item),
            _ => None,
        };
        Ask {
            ticket: self.ledger.arrive(conn, host, method, target, item),
            route,
        }
    }

    pub fn url(&self, host: u16, path: &str) -> String {
        let place = &self.places[usize::from(host)];
        format!("http://{}:{}{path}", place.name, place.addr.port())
    }

    /// What became of the client of a connection that shows an end of stream. None: it is still there.
    pub fn fate(&self, wire: &Wire<Ask>) -> Option<Fate> {
        if wire.reading() == Reading::Broken {
            return Some(Fate::Gone);
        }
        let end = self
            .diag
            .as_ref()
            .map(|diag| diag.end(wire.peer, wire.local));
        match end {
            Some(Ok(Some(end))) if end.held() && !end.deaf => None,
            Some(Ok(_)) => Some(Fate::Gone),
            Some(Err(_)) | None if wire.suspect() => Some(Fate::Unknown),
            Some(Err(_)) | None => None,
        }
    }
}

impl Probe for Site {
    fn gone(&self, conns: &[u64]) -> Vec<(u64, Fate)> {
        let wires = self.wires.borrow();
        let asked: Vec<_> = conns
            .iter()
            .filter_map(|conn| Some((*conn, wires.get(conn)?)))
            .collect();
        let mut polled: Vec<libc::pollfd> = asked
            .iter()
            .map(|(_, wire)| libc::pollfd {
                fd: wire.with_stream(AsRawFd::as_raw_fd),
                events: libc::POLLRDHUP,
                revents: 0,
            })
            .collect();
        // SAFETY: the vector has the length given and lives across the call.
        let n = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
        let mut gone = Vec::new();
        for ((conn, wire), polled) in asked.iter().zip(&polled) {
            let ended = n > 0 && polled.revents != 0;
            if ended || wire.suspect() || (self.diag.is_some() && asked.len() <= ALL_LOOKED_UP) {
                let fate = match self.fate(wire) {
                    None if ended && self.diag.is_none() => Some(Fate::Unknown),
                    fate => fate,
                };
                if let Some(fate) = fate {
                    if fate == Fate::Gone {
                        wire.hang_up();
                    }
                    gone.push((*conn, fate));
                }
            }
        }
        gone
    }
}

/// Path and query of a request's target, which may be a whole URL.
fn path(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    let rest = target.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

/// How a connection's turn with the server ended.
enum Turn {
    /// The server is done with it.
    Done(Result<(), hyper::Error>),
    /// The client is gone.
    Gone,
    /// The rest is said without the server.
    Raw(raw::Saying),
}

/// Serves a connection until its end.
pub async fn connection(site: Rc<Site>, conn: u64, host: u16, wire: Rc<Wire<Ask>>) {
    let mut broken = false;
    match turn(&site, conn, host, &wire).await {
        Turn::Done(Err(error)) if error.is_parse() => {
            // What the server refused, it has answered by itself.
            if let Some(ask) = wire.next() {
                site.ledger.answer(ask.ticket, 400, 0, Ending::Complete);
            }
        }
        Turn::Done(done) => broken = done.is_err(),
        Turn::Gone => broken = true,
        Turn::Raw(saying) => {
            let mut rest = pin!(raw::say(&site, &wire, saying));
            let mut peer = Peer::default();
            broken = poll_fn(|cx| {
                wire.begin_turn();
                match rest.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(false),
                    Poll::Pending if peer.gone(&site, &wire, cx) => Poll::Ready(true),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
        }
    }
    let by = if broken || wire.hung_up() || wire.reading() != Reading::Open {
        evidence::Side::Peer
    } else {
        // Requests that were sent behind the last one answered. The client is there and will learn that
        // nobody heard them, maybe to repeat them: they must not count any more when it does.
        while let Some(ask) = wire.next() {
            site.ledger.answer(ask.ticket, 0, 0, Ending::Truncated);
        }
        evidence::Side::World
    };
    site.wires.borrow_mut().remove(&conn);
    site.ledger.disconnect(conn, by);
}

async fn turn(site: &Rc<Site>, conn: u64, host: u16, wire: &Rc<Wire<Ask>>) -> Turn {
    let raw = Rc::new(RefCell::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let ask = wire.next().unwrap_or_else(|| {
            let target = request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str());
            site.arrive(conn, host, request.method().as_str(), target)
        });
        reply(site, Asked::new(ask, host, &request), request, &raw)
    });
    let mut http = http1::Builder::new()
        .half_close(true)
        .serve_connection(Tap(Rc::clone(wire)), service);
    let mut peer = Peer::default();
    poll_fn(|cx| {
        wire.begin_turn();
        if let Poll::Ready(done) = Pin::new(&mut http).poll(cx) {
            return Poll::Ready(Turn::Done(done));
        }
        if peer.gone(site, wire, cx) {
            return Poll::Ready(Turn::Gone);
        }
        // What the server has still to write for earlier requests must go first.
        if !wire.write_blocked()
            && let Some(saying) = raw.borrow_mut().take()
        {
            return Poll::Ready(Turn::Raw(saying));
        }
        Poll::Pending
    })
    .await
}

/// Watches for the client's going while nobody reads from the connection.
#[derive(Default)]
struct Peer {
    judged: bool,
}

impl Peer {
    fn gone(&mut self, site: &Site, wire: &Wire<Ask>, cx: &mut Context<'_>) -> bool {
        if wire.hung_up() {
            return true;
        }
        if wire.awaited() {
            return false;
        }
        wire.read_ahead(cx);
        if self.judged || !wire.suspect() {
            return false;
        }
        // Once is enough: a client that only ended its sending and closes later is found by the probe
        // or by the next write.
        self.judged = true;
        site.fate(wire) == Some(Fate::Gone)
    }
}

/// The callback by which a wire turns heads into requests.
pub fn on_head(site: &Rc<Site>, conn: u64, host: u16) -> super::wire::OnHead<Ask> {
    let site = Rc::clone(site);
    Box::new(move |head| site.arrive(conn, host, head.method, head.target))
}
