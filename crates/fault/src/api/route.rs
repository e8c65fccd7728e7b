//! Which request asks what.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, ORIGIN, SERVER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};

use super::{Control, json, kafka, metrics};
use crate::engine::Engine;
use crate::error::Error;
use crate::input::{self, ProxyInput, ToxicInput};
use crate::limits;

pub(super) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Status, content type, body.
pub(super) type Answer = Result<(u16, &'static str, String), Error>;

pub(super) async fn answer(control: &Control, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if is_browser(&request) {
        return response(403, TEXT, "User agent not allowed\n".to_owned());
    }
    let (head, body) = request.into_parts();
    let path: Option<Vec<String>> = head.uri.path().split('/').skip(1).map(unescaped).collect();
    let path: Vec<&str> = path.iter().flatten().map(String::as_str).collect();
    let allowed: &[Method] = match path[..] {
        ["reset" | "populate"] => &[Method::POST],
        ["proxies"] | ["proxies", _, "toxics"] => &[Method::GET, Method::POST],
        ["proxies", _] | ["proxies", _, "toxics", _] => {
            &[Method::GET, Method::POST, Method::PATCH, Method::DELETE]
        }
        ["version" | "hits"] => &[Method::GET],
        ["metrics"] if control.with_metrics => &[Method::GET],
        ["kafka", ..] => kafka::allowed(&path[1..]),
        _ => &[],
    };
    if allowed.is_empty() || path.iter().any(|segment| segment.is_empty()) {
        return response(404, TEXT, "404 page not found\n".to_owned());
    }
    if !allowed.contains(&head.method) {
        return response(405, "", String::new());
    }
    let outcome = match read(body).await {
        Ok(body) => route(control, &head.method, &path, &body).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok((status, kind, body)) => response(status, kind, body),
        // Toxiproxy declares its errors as text.
        Err(error) => {
            let mut response = response(error.status, TEXT, format!("{}\n", json::error(&error)));
            let nosniff = HeaderValue::from_static("nosniff");
            response.headers_mut().insert("x-content-type-options", nosniff);
            response
        }
    }
}

async fn route(control: &Control, method: &Method, path: &[&str], body: &Bytes) -> Answer {
    let engine = &*control.engine;
    let get = method == Method::GET;
    let delete = method == Method::DELETE;
    match path {
        ["kafka", path @ ..] => kafka::route(control.kafka.as_ref(), method, path, body),
        ["reset"] => {
            kafka::reset(control.kafka.as_ref());
            engine.reset().await.map(|()| no_content())
        }
        ["populate"] => populate(engine, body).await,
        ["version"] => Ok((
            200,
            "application/json;charset=utf-8",
            format!("{{\"version\": \"{}\"}}\n", super::VERSION),
        )),
        ["hits"] => {
            let kafka = control.kafka.as_ref().map(kafka::hits);
            Ok((200, JSON, json::hits(engine.seed(), &engine.list().await, kafka)))
        }
        ["metrics"] => Ok((
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            metrics::text(&engine.list().await),
        )),
        ["proxies"] if get => Ok((200, JSON, json::index(&engine.list().await))),
        ["proxies"] => {
            let input = ProxyInput::parse(&input::json(body)?)?;
            Ok((201, JSON, json::proxy(&engine.create(input).await?)))
        }
        ["proxies", name] if get => Ok((200, JSON, json::proxy(&engine.get(name).await?))),
        ["proxies", name] if delete => engine.delete(name).await.map(|()| no_content()),
        ["proxies", name] => {
            // A proxy that is not there matters more than a body that cannot be read.
            engine.get(name).await?;
            let view = engine.update(name, &input::json(body)?).await?;
            Ok((200, JSON, json::proxy(&view)))
        }
        ["proxies", proxy, "toxics"] if get => {
            Ok((200, JSON, json::toxics(&engine.get(proxy).await?.plan)))
        }
        ["proxies", proxy, "toxics"] => {
            engine.get(proxy).await?;
            let input = ToxicInput::parse(&input::json(body)?)?;
            Ok((200, JSON, json::toxic(&engine.add_toxic(proxy, input).await?)))
        }
        ["proxies", proxy, "toxics", name] if get => {
            let view = engine.get(proxy).await?;
            let toxic = view.plan.find(name).ok_or_else(Error::toxic_not_found)?;
            Ok((200, JSON, json::toxic(toxic)))
        }
        ["proxies", proxy, "toxics", name] if delete => {
            engine.remove_toxic(proxy, name).await.map(|()| no_content())
        }
        ["proxies", proxy, "toxics", name] => {
            let toxic = engine.update_toxic(proxy, name, input::json(body)).await?;
            Ok((200, JSON, json::toxic(&toxic)))
        }
        _ => Err(Error::new(404, "not found")),
    }
}

/// Tells what was made even when something was not.
async fn populate(engine: &Engine, body: &Bytes) -> Answer {
    let inputs = input::json(body).and_then(|value| input::proxies(&value));
    let (views, outcome) = match inputs {
        Ok(inputs) => engine.populate(inputs).await,
        Err(error) => (Vec::new(), Err(error)),
    };
    let error = outcome.err();
    let status = error.as_ref().map_or(201, |error| error.status);
    Ok((status, JSON, json::populated(error.as_ref(), &views)))
}

pub(super) fn no_content() -> (u16, &'static str, String) {
    (204, "", String::new())
}

/// A page in a browser must not be able to steer the proxy. Browsers give themselves away by their
/// name, and by the origin that they add to whatever crosses sites.
fn is_browser(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    agent.starts_with(b"Mozilla/") || headers.contains_key(ORIGIN)
}

async fn read(body: Incoming) -> Result<Bytes, Error> {
    let body = Limited::new(body, limits::BODY_BYTES).collect();
    match tokio::time::timeout(limits::API_READ, body).await {
        Err(_) => Err(Error::new(408, "the request body did not arrive in time")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Error::new(
            413,
            format!("the request body is larger than {} bytes", limits::BODY_BYTES),
        )),
        Ok(Err(error)) => Err(Error::bad_body(error)),
    }
}

fn response(status: u16, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static(concat!("wonin/", env!("CARGO_PKG_VERSION"))));
    if !kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// A path segment without percent signs; none if it is not text.
fn unescaped(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_unescaped() {
        assert_eq!(unescaped("a%20b%2Fc").as_deref(), Some("a b/c"));
        assert_eq!(unescaped("%zz"), None);
        assert_eq!(unescaped("%f"), None);
        assert_eq!(unescaped("%ff"), None);
    }
}
