//! What containers wrote, as the engine kept it.

use std::collections::BTreeMap;

use super::client::{Client, encoded};
use super::view::View;
use super::{PROJECT, SERVICE, find, inspect, list};
use crate::inject::ContainerFault;

/// Lines of each container, at most: the last ones.
const LINES: u32 = 20_000;
/// Containers of one project that are asked.
const CONTAINERS: usize = 30;

/// What the containers that a fault is aimed at wrote since a moment (seconds since 1970), and all
/// others of their Compose project: those that need the one that is hit. By service, else by name.
/// What cannot be asked for is left out.
pub(crate) async fn written(
    client: &Client,
    fault: &ContainerFault,
    since_s: f64,
) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for view in around(client, fault).await {
        let path = format!(
            "/containers/{}/logs?stdout=1&stderr=1&tail={LINES}&since={since_s:.3}",
            encoded(view.id())
        );
        let Ok(bytes) = client.bytes(&path).await else { continue };
        let text = if view.has_terminal() { bytes.to_vec() } else { plain(&bytes) };
        let name = view.label(SERVICE).unwrap_or(view.name());
        let all = texts.entry(name.to_owned()).or_default();
        all.push_str(&String::from_utf8_lossy(&text));
    }
    texts
}

/// The containers of a fault, and those beside them.
async fn around(client: &Client, fault: &ContainerFault) -> Vec<View> {
    let mut ids = find(client, &fault.on).await.unwrap_or_default();
    let mut views: Vec<View> = Vec::new();
    let mut index = 0;
    while let Some(id) = ids.get(index).cloned() {
        index += 1;
        let Ok(view) = inspect(client, &id).await else { continue };
        if let Some(project) = view.label(PROJECT)
            && index == 1
        {
            let others = list(client, &[format!("{PROJECT}={project}")]).await;
            ids.extend(others.unwrap_or_default());
        }
        if views.len() < CONTAINERS && views.iter().all(|known| known.id() != view.id()) {
            views.push(view);
        }
    }
    views
}

/// The text in the engine's frames: a byte for the stream, three of nothing, four for the length.
fn plain(mut frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frames.len());
    while let Some((head, rest)) = frames.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let length = length.min(rest.len());
        out.extend_from_slice(&rest[..length]);
        frames = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn frames_are_taken_off_also_from_what_is_torn() {
        let frames = b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x04two\n";
        assert_eq!(plain(frames), b"one\ntwo\n");
        assert_eq!(plain(&frames[..14]), b"one\n");
        assert_eq!(plain(&frames[..22]), b"one\ntw");
        assert_eq!(plain(b""), b"");
    }
}
