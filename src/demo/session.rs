//! What a session with the shop shows: downloads of every kind, in several collections, and soon in every state.

use std::net::SocketAddr;
use std::path::Path;

use url::Url;

use super::goods::{self, Good};
use crate::client::{Client, ClientError};
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Extras, Mode, NewDownload, Priority, TransferSettings};
use crate::model::request::{Act, Batch, Limits, Reply, Request};
use crate::model::selector::Selector;

/// Files at once: more than usual, as the shop's servers are slow.
const PARALLEL: u32 = 7;
/// Files at once from one host.
const PARALLEL_PER_HOST: u32 = 3;
/// A megabyte.
const MB: u64 = 1_000_000;

/// One download of the session.
struct Scene {
    /// The good's path.
    path: &'static str,
    /// Its collection; the default one where none is named.
    collection: Option<&'static str>,
    mode: Mode,
    priority: Priority,
    /// What is done to it, once it has so many bytes.
    then: Option<(u64, Act)>,
}

/// The collection in which nothing starts.
const HELD: &str = "archive";

/// The downloads, in the order of the list.
fn scenes() -> Vec<Scene> {
    let plain = |path| Scene {
        path,
        collection: None,
        mode: Mode::Background,
        priority: Priority::Normal,
        then: None,
    };
    let within = |collection, path| Scene { collection: Some(collection), ..plain(path) };
    vec![
        // The cursor stands on the first one, which runs long and in several parts.
        within("Proseware", "/live/concert-1080p.mp4"),
        Scene { mode: Mode::RealTime, ..within("podcasts", "/212.wav") },
        Scene { priority: Priority::Now, ..plain("/harbour-lights/01-harbour.flac") },
        Scene { priority: Priority::Now, ..plain("/harbour-lights/02-ferry.flac") },
        plain("/harbour-lights/03-delta.flac"),
        plain("/trailer.webm"),
        plain("/field/rain.wav"),
        Scene { priority: Priority::Now, then: Some((9 * MB, Act::Pause)), ..plain("/archive/disc2.iso") },
        Scene { priority: Priority::Now, then: Some((4 * MB, Act::Cancel)), ..plain("/mixtape.zip") },
        within("podcasts", "/211.wav"),
        plain("/samples.zip"),
        within("Proseware", "/live/encore.mp4"),
        plain("/field/night-trains.wav"),
        plain("/harbour-lights/04-undertow.flac"),
        within("Proseware", "/live/interview.mp4"),
        within(HELD, "/archive/disc1.iso"),
    ]
}

/// Fills an engine with the session's downloads, all of them through the shop, then does to them what the session shows. Ends when all is
/// done that there is to do; downloads go on.
///
/// # Errors
/// The engine refused something, or went away.
pub async fn play(client: &Client, shop: SocketAddr, folder: &Path) -> Result<(), ClientError> {
    let limits =
        Limits { parallel: Some(PARALLEL), parallel_per_host: Some(PARALLEL_PER_HOST), ..Limits::default() };
    client.call(Request::SetLimits(limits)).await?;
    let mut collections = Vec::new();
    for name in ["Proseware", "podcasts", HELD] {
        let reply = client.call(Request::CreateCollection { name: Some(name.into()) }).await?;
        if let Reply::Collections(made) = reply {
            collections.extend(made.first().map(|row| (name, row.id)));
        }
    }
    let find = |name: &str| collections.iter().find(|(known, _)| *known == name).map(|(_, id)| *id);
    if let Some(id) = find(HELD) {
        client.call(Request::Hold { id: Some(id), until: None, for_good: true }).await?;
    }
    let scenes = scenes();
    let batch = batch(&scenes, shop, folder, find);
    let Reply::Added(added) = client.call(Request::Add(batch)).await? else { return Ok(()) };
    let due = added.iter().zip(scenes).filter_map(|(added, scene)| Some((added.id, scene.then?)));
    act_when_due(client, due.collect()).await
}

fn batch(
    scenes: &[Scene],
    shop: SocketAddr,
    folder: &Path,
    find: impl Fn(&str) -> Option<CollectionId>,
) -> Batch {
    let downloads = scenes.iter().filter_map(|scene| {
        let good = goods::all().iter().find(|good| good.path == scene.path)?;
        Some(NewDownload {
            url: link(good)?,
            folder: Some(folder.to_owned()),
            name: None,
            mode: Some(scene.mode),
            priority: Some(scene.priority),
            otherwise: scene.priority,
            collection: scene.collection.and_then(&find),
            again: false,
            settings: 0,
            extras: Extras::default(),
        })
    });
    let proxy = Url::parse(&format!("http://{shop}/")).ok();
    Batch { downloads: downloads.collect(), settings: vec![TransferSettings { proxy, ..Default::default() }] }
}

fn link(good: &Good) -> Option<Url> {
    Url::parse(&format!("http://{}{}", good.host, good.path)).ok()
}

/// Waits for each download to have its bytes, and does what is due then.
async fn act_when_due(client: &Client, mut due: Vec<(DownloadId, (u64, Act))>) -> Result<(), ClientError> {
    let mut updates = client.subscribe().await?;
    while !due.is_empty() {
        let update = updates.next().await?;
        for row in update.rows {
            let Some(at) = due.iter().position(|(id, (bytes, _))| *id == row.id && row.covered >= *bytes)
            else {
                continue;
            };
            let (id, (_, act)) = due.swap_remove(at);
            // A person may have done something to it first.
            let _ = client
                .call(Request::Act { select: Selector { ids: vec![id], ..Selector::default() }, act })
                .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scene_is_of_something_that_is_sold_and_nothing_is_sold_in_vain() {
        let scenes = scenes();
        for good in goods::all() {
            assert_eq!(scenes.iter().filter(|scene| scene.path == good.path).count(), 1, "{}", good.path);
            assert!(good.host.ends_with(".example"), "{}", good.host);
            assert!(link(good).is_some());
        }
        assert_eq!(scenes.len(), goods::all().len());
    }
}
