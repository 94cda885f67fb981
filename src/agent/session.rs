//! One client's session: its requests go to the engine, its leave is told apart from its vanishing.

use tokio::sync::mpsc;

use crate::client::Wire;
use crate::engine::{Engine, Leave};
use crate::model::id::OwnerKey;

/// Serves a client within the process until it leaves.
pub async fn serve(engine: Engine, key: OwnerKey, mut wire: mpsc::UnboundedReceiver<Wire>) {
    let client = engine.join(key);
    while let Some(asked) = wire.recv().await {
        // Whoever no longer waits for an answer needs none.
        match asked {
            Wire::Call(request, answer) => {
                let engine = engine.clone();
                tokio::task::spawn_local(async move {
                    let _ = answer.send(engine.call(client, *request).await);
                });
            }
            Wire::Watch(answer) => {
                let _ = answer.send(engine.watch());
            }
            Wire::Changes(since, answer) => {
                let _ = answer.send(engine.changes(since));
            }
            Wire::Goodbye(answer) => {
                engine.leave(client, Leave::Goodbye);
                let _ = answer.send(());
                return;
            }
        }
    }
    engine.leave(client, Leave::Vanished);
}
