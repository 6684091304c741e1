//! What is answered to a request, and when.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::answer::{Answer, Content};
use super::ledger::Pass;
use super::raw::Saying;
use super::serve::{Ask, Route, Site};
use crate::evidence::{Ending, Point};
use crate::plan::body::BINARY;
use crate::plan::{Item, SitePlan, site as graph};
use crate::task::world::{Answer as Kind, Framing};

const LOST: &str = "no such page\n";
const UNKNOWN: &str = r#"{"cod":"404","message":"city not found"}"#;

/// A request, as far as its answer depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    ask: Ask,
    host: u16,
    /// Only the head is asked for.
    bare: bool,
    /// The client speaks HTTP/1.0.
    old: bool,
}

impl Asked {
    pub fn new<B>(ask: Ask, host: u16, request: &Request<B>) -> Asked {
        let bare = request.method() == Method::HEAD;
        Asked {
            ask,
            host,
            bare,
            old: request.version() < Version::HTTP_11,
        }
    }
}

/// Where an answer is left that the server cannot give; the connection's task takes it from there.
pub type Aside = Rc<RefCell<Option<Saying>>>;

/// An answer to come. Most are there at once, and then cost no allocation.
pub enum Reply {
    Now(Option<Response<Answer>>),
    Later(Pin<Box<dyn Future<Output = Response<Answer>>>>),
}

impl Future for Reply {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // Polled once more than a future may be, it is simply never ready.
            Reply::Now(response) => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Reply::Later(later) => later.as_mut().poll(cx).map(Ok),
        }
    }
}

/// The answer to a request.
pub fn reply(site: &Rc<Site>, asked: Asked, request: Request<Incoming>, aside: &Aside) -> Reply {
    let entry = entry(site, &asked);
    let held = entry.is_some_and(|(_, kind)| held(site, kind) || by_hand(kind));
    if held || !request.body().is_end_stream() {
        Reply::Later(Box::pin(later(
            Rc::clone(site),
            asked,
            request,
            Rc::clone(aside),
        )))
    } else {
        Reply::Now(Some(answer(site, &asked)))
    }
}

/// The entry of the list that answers, and how.
fn entry<'a>(site: &'a Site, asked: &Asked) -> Option<(&'a Item, &'a Kind)> {
    match asked.ask.route? {
        Route::Item(index) => site
            .items
            .get(index as usize)
            .map(|item| (item, &item.answer)),
        Route::Target(index) => site
            .items
            .get(index as usize)
            .map(|item| (item, &Kind::Status(200))),
    }
}

/// The page of a site that was asked for, by its place in the graph.
fn page<'a>(site: &'a Site, asked: &Asked) -> Option<(&'a SitePlan, usize)> {
    let (Route::Item(index) | Route::Target(index)) = asked.ask.route?;
    Some((site.pages.as_deref()?, index as usize))
}

/// Whether such an answer waits at its head.
fn held(site: &Site, kind: &Kind) -> bool {
    site.gate == Some(Point::Head) || (*kind == Kind::Stuck && site.gate.is_none())
}

/// Whether such an answer is beyond what a proper server can say.
fn by_hand(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Reset | Kind::ResetInside | Kind::Truncated | Kind::Garbage | Kind::Dripping
    )
}

async fn later(
    site: Rc<Site>,
    asked: Asked,
    mut request: Request<Incoming>,
    aside: Aside,
) -> Response<Answer> {
    // Unread, it would end the connection.
    while let Some(Ok(_)) = request.body_mut().frame().await {}
    if let (Some(route), Some((_, kind))) = (asked.ask.route, entry(&site, &asked)) {
        let stuck = *kind == Kind::Stuck;
        if held(&site, kind) {
            let ticket = asked.ask.ticket;
            let passed = poll_fn(|cx| site.ledger.poll_gate(ticket, Point::Head, stuck, cx)).await;
            if passed == Pass::Gone {
                // The connection's task ends all of this.
                return pending().await;
            }
        }
        if by_hand(kind) {
            let (Route::Item(item) | Route::Target(item)) = route;
            let Asked { ask, old, bare, .. } = asked;
            *aside.borrow_mut() = Some(Saying {
                ticket: ask.ticket,
                item,
                old,
                bare,
            });
            // The connection's task takes the socket over.
            return pending().await;
        }
    }
    answer(&site, &asked)
}

/// The answer, with nothing between it and its sending but the gate within its body.
fn answer(site: &Rc<Site>, asked: &Asked) -> Response<Answer> {
    let entry = entry(site, asked);
    let (status, content, size, framing) = match entry {
        None => {
            let text = if site.cities.is_some() { UNKNOWN } else { LOST };
            (404, Content::Text(text), text.len() as u64, Framing::Length)
        }
        Some((item, kind)) => {
            let (content, size) = match page(site, asked) {
                Some((pages, index)) => {
                    let html = graph::render(pages, &site.items, index, &site.places);
                    let size = html.len() as u64;
                    (Content::Page(html.into()), size)
                }
                None => match &item.text {
                    Some(text) => (Content::Page(text.clone().into()), item.size),
                    None => (Content::Seeded(item.body), item.size),
                },
            };
            (status(kind), content, size, item.framing)
        }
    };
    let ticket = asked.ask.ticket;
    if size == 0 || asked.bare || matches!(status, 204 | 205 | 304) {
        // The server won't ask for the body, and the head is all that comes.
        site.ledger.answer(ticket, status, 0, Ending::Complete);
    }
    let at_body = entry.filter(|_| site.gate == Some(Point::Body));
    let mut response = Response::new(Answer {
        ledger: Rc::clone(&site.ledger),
        ticket,
        status,
        content,
        size,
        sized: !matches!(framing, Framing::Chunked | Framing::Close),
        gate: at_body.map(|(_, kind)| *kind == Kind::Stuck),
        sent: 0,
    });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if framing == Framing::Close {
        // Of this version the server tells a body's end by closing the connection.
        *response.version_mut() = Version::HTTP_10;
    }
    let headers = response.headers_mut();
    if let Some((pages, index)) = page(site, asked) {
        let kind = graph::content_type(pages, index);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let location = graph::location(pages, index, &site.places).map(HeaderValue::try_from);
        if let Some(Ok(target)) = location {
            headers.insert(LOCATION, target);
        }
        return response;
    }
    let kind = match entry {
        _ if site.cities.is_some() => "application/json",
        Some((item, _)) if item.body & BINARY != 0 => "application/octet-stream",
        _ => "text/plain; charset=utf-8",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == 302
        && let Some(target) = entry.and_then(|(item, _)| item.redirect_target())
        && let Ok(location) = HeaderValue::try_from(site.url(asked.host, &target))
    {
        headers.insert(LOCATION, location);
    }
    response
}

fn status(kind: &Kind) -> u16 {
    match kind {
        Kind::Status(status) => *status,
        Kind::Redirect | Kind::RedirectLoop => 302,
        _ => 200,
    }
}
